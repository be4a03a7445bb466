//! What the tables of a transport stream say of its Teletext (ISO/IEC 13818-1, 2.4.4; ETSI EN 300 468, 6.2.43).

use std::collections::BTreeMap;

use super::packets::Packets;
use crate::media::ContainerError;
use crate::media::language::language_tag;

/// Tables come ten times a second; of a stream that has none by then, nothing is known.
const SEARCHED: u64 = 8 << 20;
/// Programs looked at; a transponder has a dozen.
const MAX_PROGRAMS: usize = 64;
/// Pages of one program; more are no subtitles.
const MAX_PAGES: usize = 64;
/// Longest section (2.4.4.1), with its head.
const MAX_SECTION: usize = 1024;
const PAT: u8 = 0x00;
const PMT: u8 = 0x02;
const TELETEXT: u8 = 0x56;
/// What a page is for (EN 300 468, table 108).
const SUBTITLES: u8 = 0x02;
const HEARING_IMPAIRED: u8 = 0x05;

/// One program with Teletext subtitles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    pub clock_pid: u16,
    pub pages: Vec<Page>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    pub pid: u16,
    /// 0x100 to 0x8ff.
    pub number: u16,
    pub language: Option<String>,
    pub hearing_impaired: bool,
}

/// The programs at the head of a stream.
pub fn programs(packets: &mut Packets<'_>) -> Result<Vec<Program>, ContainerError> {
    let mut at = packets.first;
    let end = at.saturating_add(SEARCHED);
    let mut sections: BTreeMap<u16, Vec<u8>> = BTreeMap::from([(0, Vec::new())]);
    let mut found: BTreeMap<u16, Program> = BTreeMap::new();
    let mut awaited: Option<usize> = None;
    while at < end && awaited.is_none_or(|count| found.len() < count) {
        let Some(packet) = packets.next(&mut at)? else { break };
        let pid = packet.pid();
        let Some(section) = sections.get_mut(&pid) else { continue };
        let Some(whole) = gather(section, packet.payload(), packet.starts_unit()) else { continue };
        if pid == 0 {
            let pids = association(&whole);
            awaited = Some(pids.len()).filter(|count| *count > 0);
            for pid in pids {
                sections.entry(pid).or_default();
            }
        } else if let Some(program) = program(&whole) {
            found.entry(pid).or_insert(program);
        }
    }
    Ok(found.into_values().collect())
}

/// Puts a section together; gives it when it is whole. Of several in one packet the first is read.
fn gather(section: &mut Vec<u8>, payload: &[u8], starts: bool) -> Option<Vec<u8>> {
    let body = if starts {
        section.clear();
        let (pointer, rest) = payload.split_first()?;
        rest.get(usize::from(*pointer)..)?
    } else if section.is_empty() {
        return None;
    } else {
        payload
    };
    section.extend_from_slice(body);
    let length = 3 + usize::from(u16::from_be_bytes([section.get(1)? & 0x0f, *section.get(2)?]));
    if length > MAX_SECTION {
        section.clear();
        return None;
    }
    let whole = section.get(..length)?.to_vec();
    section.clear();
    Some(whole)
}

/// The body of a section behind its head, without its checksum.
fn body(section: &[u8], table: u8) -> Option<&[u8]> {
    let current = section.get(5)? & 1 == 1;
    (section[0] == table && current).then(|| section.get(8..section.len().checked_sub(4)?)).flatten()
}

/// Where the tables of programs are.
fn association(section: &[u8]) -> Vec<u16> {
    let entries = body(section, PAT).unwrap_or_default().as_chunks::<4>().0;
    // Program number zero is the network's own.
    let of_programs = entries.iter().filter(|entry| entry[..2] != [0, 0]);
    let mut pids: Vec<u16> = of_programs
        .map(|[_, _, high, low]| u16::from_be_bytes([high & 0x1f, *low]))
        .take(MAX_PROGRAMS)
        .collect();
    pids.retain(|pid| *pid != 0);
    pids.sort_unstable();
    pids.dedup();
    pids
}

fn program(section: &[u8]) -> Option<Program> {
    let [clock_high, clock_low, info_high, info_low, rest @ ..] = body(section, PMT)? else { return None };
    let clock_pid = u16::from_be_bytes([clock_high & 0x1f, *clock_low]);
    let info = usize::from(u16::from_be_bytes([info_high & 0x0f, *info_low]));
    let mut streams = rest.get(info..)?;
    let mut pages = Vec::new();
    while let [_kind, pid_high, pid_low, length_high, length_low, rest @ ..] = streams {
        let pid = u16::from_be_bytes([pid_high & 0x1f, *pid_low]);
        let length = usize::from(u16::from_be_bytes([length_high & 0x0f, *length_low])).min(rest.len());
        let (descriptors, rest) = rest.split_at(length);
        pages.extend(subtitle_pages(pid, descriptors));
        streams = rest;
    }
    let known = |n: usize, page: &Page| {
        pages[..n].iter().all(|other: &Page| (other.pid, other.number) != (page.pid, page.number))
    };
    let once = pages.iter().enumerate().filter(|(n, page)| known(*n, page)).map(|(_, page)| page.clone());
    Some(Program { clock_pid, pages: once.take(MAX_PAGES).collect() })
}

fn subtitle_pages(pid: u16, mut descriptors: &[u8]) -> Vec<Page> {
    let mut pages = Vec::new();
    while let [tag, length, rest @ ..] = descriptors {
        let (body, rest) = rest.split_at(usize::from(*length).min(rest.len()));
        for [a, b, c, kind, page] in body.as_chunks::<5>().0.iter().filter(|_| *tag == TELETEXT) {
            if matches!(kind >> 3, SUBTITLES | HEARING_IMPAIRED) {
                let language = std::str::from_utf8(&[*a, *b, *c]).ok().and_then(language_tag);
                let hundreds = if kind & 7 == 0 { 8 } else { u16::from(kind & 7) };
                let number = hundreds << 8 | u16::from(*page);
                pages.push(Page { pid, number, language, hearing_impaired: kind >> 3 == HEARING_IMPAIRED });
            }
        }
        descriptors = rest;
    }
    pages
}
