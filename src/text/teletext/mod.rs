//! Teletext (ETSI EN 300 706) as DVB carries it (EN 300 472): the subtitle pages among its packets as cues. Of how they
//! look, colours are kept and whether they stand above, in the middle or below; of the rest of Teletext nothing is read.
//!
//! Invariant: what is kept is a screen for each page that is asked for, whatever comes.

mod alphabet;
mod hamming;
mod page;
#[cfg(test)]
pub mod sender;
#[cfg(test)]
mod tests;

use super::cue::Cue;
use crate::timeline::{NANOS_PER_SECOND, Nanos};
use alphabet::Alphabet;
use page::{COLUMNS, Page};

/// A page that is sent in parts is taken for whole after so long.
const WHOLE_NS: Nanos = NANOS_PER_SECOND;
/// No line is shown for longer: where a sender falls silent, receivers take it away too.
pub const LONGEST_NS: Nanos = 20 * NANOS_PER_SECOND;
/// Data units of Teletext and of its subtitles (EN 300 472, table 4), and how long they are.
const UNITS: [u8; 2] = [0x02, 0x03];
const UNIT_BYTES: usize = 44;
/// Framing code, as it stands in a data unit: bits are sent in the other direction there.
const FRAMING: u8 = 0xe4;
const MAGAZINES: usize = 8;

/// A page, as remote controls know it: 0x100 to 0x8ff, in binary-coded decimals.
pub type PageNumber = u16;

/// What is read of one stream.
pub struct Decoder {
    screens: Vec<Screen>,
    /// Letters that M/29 designates, by magazine.
    designated: [Option<Alphabet>; MAGAZINES],
    /// Which page's rows follow, by magazine.
    current: [Option<PageNumber>; MAGAZINES],
}

struct Screen {
    number: PageNumber,
    language: Option<String>,
    page: Page,
    /// Letters that X/28 designates, and the option that the page's head chooses.
    designated: Option<Alphabet>,
    option: u8,
    /// Since when what is received differs from what is shown.
    changed: Option<Nanos>,
    shown: Option<Shown>,
}

struct Shown {
    since: Nanos,
    text: String,
    settings: String,
}

/// A cue and the page it was on.
pub type Said = (PageNumber, Cue);

impl Decoder {
    /// For pages in their languages (BCP 47).
    pub fn new(pages: impl IntoIterator<Item = (PageNumber, Option<String>)>) -> Self {
        let screen = |(number, language)| Screen {
            number,
            language,
            page: Page::default(),
            designated: None,
            option: 0,
            changed: None,
            shown: None,
        };
        Self {
            screens: pages.into_iter().map(screen).collect(),
            designated: [None; MAGAZINES],
            current: [None; MAGAZINES],
        }
    }

    /// The data of one PES packet (EN 300 472, section 4.2) that is presented at `now`.
    pub fn feed(&mut self, data: &[u8], now: Nanos, out: &mut Vec<Said>) {
        self.pass(now, out);
        let Some((0x10..=0x1f, mut units)) = data.split_first().map(|(first, rest)| (*first, rest)) else {
            return;
        };
        while let [id, length, rest @ ..] = units {
            let (unit, rest) = rest.split_at(usize::from(*length).min(rest.len()));
            if UNITS.contains(id)
                && let Some(unit) = unit.first_chunk::<UNIT_BYTES>()
                && unit[1] == FRAMING
            {
                let mut packet = [0; UNIT_BYTES - 2];
                packet.iter_mut().zip(&unit[2..]).for_each(|(to, from)| *to = from.reverse_bits());
                self.packet(&packet, now, out);
            }
            units = rest;
        }
    }

    /// Time has come to `now`.
    pub fn pass(&mut self, now: Nanos, out: &mut Vec<Said>) {
        for screen in &mut self.screens {
            if screen.changed.is_some_and(|since| now.saturating_sub(since) >= WHOLE_NS) {
                screen.show(out);
            }
            screen.expire(now, out);
        }
    }

    /// The stream ends at `now`.
    pub fn end(&mut self, now: Nanos, out: &mut Vec<Said>) {
        for screen in &mut self.screens {
            screen.show(out);
            screen.expire(now, out);
            screen.take_away(now, out);
        }
    }

    /// When the earliest line began that is not known whole yet.
    pub fn open_since(&self) -> Option<Nanos> {
        let open = |screen: &Screen| {
            let shown = screen.shown.as_ref().map(|shown| shown.since);
            shown.into_iter().chain(screen.changed).min()
        };
        self.screens.iter().filter_map(open).min()
    }

    /// Section 7: which magazine, which packet, then forty bytes.
    fn packet(&mut self, packet: &[u8; UNIT_BYTES - 2], now: Nanos, out: &mut Vec<Said>) {
        let [low, high, body @ ..] = packet;
        let (Some(low), Some(high)) = (hamming::nibble(*low), hamming::nibble(*high)) else { return };
        let magazine = usize::from(low & 7);
        match low >> 3 | high << 1 {
            0 => self.head(magazine, body, now, out),
            29 => {
                if let Some(alphabet) = designation(body) {
                    self.designated[magazine] = Some(alphabet);
                }
            }
            number => {
                let current = self.current[magazine];
                let designated = self.designated[magazine];
                let Some(screen) = self.screens.iter_mut().find(|screen| current == Some(screen.number))
                else {
                    return;
                };
                match number {
                    1..=24 => screen.page.row(number.into(), body),
                    26 => screen.page.enhance(&body[1..]),
                    28 => screen.designated = designation(body).or(screen.designated),
                    _ => return,
                }
                screen.page.alphabet = screen.alphabet(designated);
                screen.changed.get_or_insert(now);
            }
        }
    }

    /// Section 9.3.1: the head of a page.
    fn head(&mut self, magazine: usize, body: &[u8; COLUMNS], now: Nanos, out: &mut Vec<Said>) {
        let Some(fields) = body[..8].iter().map(|byte| hamming::nibble(*byte)).collect::<Option<Vec<u8>>>()
        else {
            // Whose rows follow nobody knows.
            self.current[magazine] = None;
            return;
        };
        let flag = |field: usize, bit: u8| fields[field] >> bit & 1 == 1;
        let (erase, inhibited, serial) = (flag(3, 3), flag(6, 3), flag(7, 0));
        let hundreds = if magazine == 0 { 8 } else { magazine as u16 };
        let number = hundreds << 8 | u16::from(fields[1]) << 4 | u16::from(fields[0]);
        // A head ends the page before it, of this magazine, or of all where they are sent one after the other.
        for (other, current) in self.current.iter_mut().enumerate().filter(|(n, _)| serial || *n == magazine)
        {
            let ended = current.take();
            let screens = self.screens.iter_mut().filter(|screen| ended == Some(screen.number));
            screens.for_each(|screen| screen.show(out));
            *current = (other == magazine).then_some(number);
        }
        let designated = self.designated[magazine];
        if let Some(screen) = self.screens.iter_mut().find(|screen| screen.number == number) {
            if erase {
                screen.page.erase();
                screen.designated = None;
            }
            screen.page.inhibited = inhibited;
            // C12 to C14.
            screen.option = fields[7] >> 1;
            screen.page.alphabet = screen.alphabet(designated);
            screen.changed = Some(now);
        }
    }
}

/// Packets X/28/0, X/28/4, M/29/0 and M/29/4 (section 9.4.2): the letters of a basic page.
fn designation(body: &[u8; COLUMNS]) -> Option<Alphabet> {
    let [designation, triplet @ ..] = body.first_chunk::<4>()?;
    let bits = hamming::triplet(*triplet)?;
    let basic = matches!(hamming::nibble(*designation)?, 0 | 4) && bits & 0xf == 0;
    basic.then(|| Alphabet::designated((bits >> 7 & 0x7f) as u8))
}

impl Screen {
    fn alphabet(&self, of_magazine: Option<Alphabet>) -> Alphabet {
        let chosen = || Alphabet::chosen(self.language.as_deref(), self.option);
        self.designated.or(of_magazine).unwrap_or_else(chosen)
    }

    /// What has been received is the page.
    fn show(&mut self, out: &mut Vec<Said>) {
        let Some(since) = self.changed.take() else { return };
        let said = self.page.said();
        let same = self.shown.as_ref().is_some_and(|shown| {
            said.as_ref().is_some_and(|(text, settings)| (text, settings) == (&shown.text, &shown.settings))
        });
        if same {
            // Sent once more, for those who tuned in since.
            return;
        }
        self.take_away(since, out);
        self.shown = said.map(|(text, settings)| Shown { since, text, settings });
    }

    fn expire(&mut self, now: Nanos, out: &mut Vec<Said>) {
        let end = self.shown.as_ref().map(|shown| shown.since.saturating_add(LONGEST_NS));
        if let Some(end) = end.filter(|end| *end <= now) {
            self.take_away(end, out);
        }
    }

    fn take_away(&mut self, end_ns: Nanos, out: &mut Vec<Said>) {
        let Some(Shown { since: start_ns, text, settings }) = self.shown.take() else { return };
        if end_ns > start_ns {
            out.push((self.number, Cue { start_ns, end_ns, text, settings }));
        }
    }
}
