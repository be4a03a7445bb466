//! Transport streams: the Teletext subtitles in them, which no demuxer tells apart, and clocks that jump back. Picture and
//! sound are the demuxer's.

mod packets;
mod rebase;
mod tables;
#[cfg(test)]
mod tests;
mod text;

pub use rebase::ClockRebase;
pub use text::TextReader;

use packets::Packets;

use super::{ContainerError, ContainerFacts, ContainerTrack, Disposition, ReadAt, TrackKind, TrackNumber};

/// How facts name the codec of a Teletext page.
pub const TELETEXT: &str = "teletext";

/// One track is one page: its number stands above the PID of the stream that it shares with others.
fn number(pid: u16, page: u16) -> TrackNumber {
    TrackNumber::from(page) << 16 | TrackNumber::from(pid)
}

/// The PID of a track's stream.
pub fn pid(number: TrackNumber) -> TrackNumber {
    number & 0xffff
}

/// Whether a track is a page of Teletext, and not a stream with all of its pages.
pub fn is_page(number: TrackNumber) -> bool {
    number > 0xffff
}

/// The pages with subtitles that the tables of `source` announce.
pub fn read(source: &mut dyn ReadAt) -> Result<ContainerFacts, ContainerError> {
    let mut packets = Packets::open(source)?;
    let programs = tables::programs(&mut packets)?;
    let tracks = programs.into_iter().flat_map(|program| program.pages).map(|page| {
        let mut facts = ContainerTrack::new(number(page.pid, page.number), TrackKind::Text);
        facts.codec_id = TELETEXT.to_owned();
        facts.language = page.language;
        facts.disposition = Disposition { hearing_impaired: page.hearing_impaired, ..Disposition::default() };
        facts
    });
    Ok(ContainerFacts { tracks: tracks.collect(), ..ContainerFacts::default() })
}
