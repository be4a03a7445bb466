//! The media playlist of one rendition at the live edge: low-latency HLS (RFC 8216bis).
//!
//! Invariant: everything that a client may rely on between two reloads (part target, hold-backs, target duration) is a
//! function of the rendition and its fellows alone, never of the moment.

use super::attribute_list::AttributeList;
use super::extinf::{Seconds, SegmentMicros};
use super::{basic_tags, ext_x_map, extinf, media_playlist_tags};
use crate::manifest::date_time;
use crate::manifest::live_edge::{Listed, LiveEdge};
use crate::rendition::{Rendition, RenditionId, TextRendition};
use crate::timeline::{CutList, FragmentRule, Rounding, SegmentIndex, nanos_from_ticks, rescale};

/// EXT-X-SKIP needs it (section 8).
const VERSION: u32 = 9;
const MILLIS_PER_SECOND: u32 = 1000;
const MICROS_PER_SECOND: u32 = 1_000_000;
/// "PART-HOLD-BACK [...] MUST be at least twice the Part Target Duration [...] SHOULD be at least three times".
const PART_HOLD_BACK_PARTS: i64 = 3;
/// "HOLD-BACK [...] MUST be at least three times the Target Duration."
const HOLD_BACK_TARGETS: i64 = 3;
/// "CAN-SKIP-UNTIL [...] MUST be at least six times the Target Duration."
const SKIP_TARGETS: i64 = 6;
/// Whole segments that have their parts listed beside them: "Partial Segments SHOULD be removed when they are greater
/// than three Target Durations from the end", of which the segment that is being made is one.
const WITH_PARTS: u32 = 2;

/// What can be watched at the edge.
#[derive(Clone, Copy)]
pub enum LiveTrack<'a> {
    Media(&'a Rendition),
    /// All of it is known beforehand. It has parts all the same: Shaka waits for the lists of everything it plays before
    /// it goes on with any, and finds no text for where it is in a list that is a segment late.
    Text(&'a TextRendition),
}

impl<'a> LiveTrack<'a> {
    pub fn id(&self) -> &'a RenditionId {
        match self {
            Self::Media(rendition) => &rendition.id,
            Self::Text(text) => &text.id,
        }
    }

    pub fn cuts(&self) -> &'a CutList {
        match self {
            Self::Media(rendition) => &rendition.cuts,
            Self::Text(text) => &text.cuts,
        }
    }

    pub fn fragments(&self) -> FragmentRule {
        match self {
            Self::Media(rendition) => rendition.fragments,
            Self::Text(text) => text.fragments,
        }
    }

    /// Its files are called so.
    fn extension(&self) -> &'static str {
        match self {
            Self::Media(_) => "m4s",
            Self::Text(_) => "vtt",
        }
    }

    /// A player can start at this part of any segment: at every frame of sound and every file of text, of pictures at the
    /// first of a segment.
    fn is_independent(&self, part: u32) -> bool {
        match self {
            Self::Media(rendition) => rendition.audio().is_some() || part == 0 && rendition.cuts.independent,
            Self::Text(_) => true,
        }
    }

    fn listed(&self, edge: &LiveEdge) -> Listed {
        edge.listed(self.cuts(), self.fragments())
    }
}

/// A track among those that are offered with it.
pub struct LiveRendition<'a> {
    pub track: LiveTrack<'a>,
    /// All that the multivariant playlist names, this one among them.
    pub all: &'a [LiveTrack<'a>],
    /// Of the file, as it stands in addresses.
    pub file: &'a str,
}

/// Served as `/live/{file}/{rendition}/index.m3u8`. With `skip` the older segments are left out, where there are enough
/// of them (`_HLS_skip=YES`).
pub fn live_playlist(live: &LiveRendition<'_>, edge: &LiveEdge, skip: bool) -> String {
    let LiveRendition { track, .. } = live;
    let cuts = track.cuts();
    let listed = track.listed(edge);
    let target = media_playlist_tags::target_duration(cuts);
    let end = end_of_list(*track, &listed);
    let since = |seconds: i64| end - seconds * i64::from(cuts.timescale);
    let ended = |segment: u32, before: i64| cuts.boundaries[segment as usize + 1] <= before;
    let skipped = match skip && !edge.ended {
        true => listed
            .segments
            .clone()
            .take_while(|&segment| ended(segment, since(SKIP_TARGETS * target)))
            .count() as u32,
        false => 0,
    };

    let mut out = String::new();
    let independent = cuts.independent || matches!(track, LiveTrack::Text(_));
    basic_tags::open_version(&mut out, VERSION, independent);
    out.push_str(&format!("#EXT-X-TARGETDURATION:{target}\n"));
    write_server_control(&mut out, live, target);
    out.push_str(&format!("#EXT-X-MEDIA-SEQUENCE:{}\n", listed.segments.start));
    if skipped > 0 {
        out.push_str(&format!("#EXT-X-SKIP:SKIPPED-SEGMENTS={skipped}\n"));
    } else if matches!(track, LiveTrack::Media(_)) {
        ext_x_map::write_at(&mut out, &address(live, "init.mp4"));
    }

    let extension = track.extension();
    let durations: Vec<SegmentMicros> = SegmentMicros::of(cuts).collect();
    let first = listed.segments.start + skipped;
    for segment in first..listed.segments.end {
        if segment == first {
            write_date_time(&mut out, cuts, edge, segment);
        }
        if !edge.ended && segment + WITH_PARTS >= listed.segments.end {
            write_parts(&mut out, live, segment, u32::MAX);
        }
        extinf::write_at(
            &mut out,
            durations[segment as usize],
            &address(live, &format!("{segment}.{extension}")),
        );
    }
    if edge.ended {
        media_playlist_tags::write_end(&mut out);
        return out;
    }
    let growing = listed.segments.end;
    if growing < cuts.segment_count() {
        if listed.segments.is_empty() {
            write_date_time(&mut out, cuts, edge, growing);
        }
        write_parts(&mut out, live, growing, listed.parts);
        // "A server MAY add an EXT-X-PRELOAD-HINT": players that wait for it wait for the part itself.
        let hint = AttributeList::default()
            .plain("TYPE", "PART")
            .quoted("URI", &address(live, &format!("{growing}.{}.{extension}", listed.parts)));
        out.push_str(&format!("#EXT-X-PRELOAD-HINT:{hint}\n"));
    }
    write_reports(&mut out, live, edge);
    out
}

/// The longest part of a track in milliseconds, rounded up: `EXT-X-PART-INF` is a constant of the playlist.
fn part_target_ms(track: &LiveTrack<'_>) -> i64 {
    rescale(track.fragments().longest_part(), track.cuts().timescale, MILLIS_PER_SECOND, Rounding::Ceil)
}

/// Where parts and segments end that are listed, in ticks.
fn end_of_list(track: LiveTrack<'_>, listed: &Listed) -> i64 {
    let cuts = track.cuts();
    match (listed.parts, cuts.range(SegmentIndex(listed.segments.end))) {
        (1.., Some(segment)) => track.fragments().part_end(&segment, listed.parts - 1),
        _ => cuts.boundaries[listed.segments.end as usize],
    }
}

fn write_server_control(out: &mut String, live: &LiveRendition<'_>, target: i64) {
    // One distance from the edge for all renditions: sound and picture start together.
    let longest_part = live.all.iter().map(part_target_ms).max().unwrap_or(0);
    let part_target = part_target_ms(&live.track);
    let control = AttributeList::default()
        .plain("CAN-BLOCK-RELOAD", "YES")
        .plain("PART-HOLD-BACK", Seconds::from_millis(PART_HOLD_BACK_PARTS * longest_part))
        .plain("HOLD-BACK", Seconds::from_millis(HOLD_BACK_TARGETS * target * 1000))
        .plain("CAN-SKIP-UNTIL", Seconds::from_millis(SKIP_TARGETS * target * 1000));
    out.push_str(&format!("#EXT-X-SERVER-CONTROL:{control}\n"));
    out.push_str(&format!("#EXT-X-PART-INF:PART-TARGET={}\n", Seconds::from_millis(part_target)));
}

/// "EXT-X-PROGRAM-DATE-TIME [...] associates the first sample of a Media Segment with an absolute date": the film's own
/// clock, which its edge was started with. Where the edge has waited since, the dates are those of a film that did not:
/// from dates with a gap Shaka concludes that the film has one, and puts what follows so much later.
fn write_date_time(out: &mut String, cuts: &CutList, edge: &LiveEdge, segment: u32) {
    let start_ns = nanos_from_ticks(cuts.boundaries[segment as usize], cuts.timescale);
    out.push_str(&format!("#EXT-X-PROGRAM-DATE-TIME:{}\n", date_time::utc(edge.began.unix_ns_at(start_ns))));
}

/// Up to `count` parts of a segment.
fn write_parts(out: &mut String, live: &LiveRendition<'_>, segment: u32, count: u32) {
    let (cuts, rule) = (live.track.cuts(), live.track.fragments());
    let Some(range) = cuts.range(SegmentIndex(segment)) else { return };
    let micros = |tick: i64| rescale(tick - cuts.start(), cuts.timescale, MICROS_PER_SECOND, Rounding::Floor);
    let mut start = range.start;
    for part in 0..rule.part_count(&range).min(count) {
        let end = rule.part_end(&range, part);
        let mut list = AttributeList::default()
            .plain("DURATION", SegmentMicros(micros(end) - micros(start)))
            .quoted("URI", &address(live, &format!("{segment}.{part}.{}", live.track.extension())));
        if live.track.is_independent(part) {
            list = list.plain("INDEPENDENT", "YES");
        }
        out.push_str(&format!("#EXT-X-PART:{list}\n"));
        start = end;
    }
}

/// Where the other renditions are: a client that switches asks for the right part at once.
fn write_reports(out: &mut String, live: &LiveRendition<'_>, edge: &LiveEdge) {
    for other in live.all.iter().filter(|other| other.id() != live.track.id()) {
        let listed = other.listed(edge);
        let last = match listed.parts.checked_sub(1) {
            Some(part) => Some((listed.segments.end, part)),
            None => listed.segments.end.checked_sub(1).and_then(|segment| {
                let range = other.cuts().range(SegmentIndex(segment))?;
                Some((segment, other.fragments().part_count(&range) - 1))
            }),
        };
        if let Some((segment, part)) = last {
            let report = AttributeList::default()
                .quoted("URI", &format!("../{}/index.m3u8", other.id()))
                .plain("LAST-MSN", segment)
                .plain("LAST-PART", part);
            out.push_str(&format!("#EXT-X-RENDITION-REPORT:{report}\n"));
        }
    }
}

/// Relative to the playlist's own address; the same files as on demand.
fn address(live: &LiveRendition<'_>, name: &str) -> String {
    format!("../../../media/{}/{}/{name}", live.file, live.track.id())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::golden::{self, FILE};
    use crate::manifest::{ClockPoint, examples};
    use crate::timeline::{NANOS_PER_SECOND, Nanos};
    use proptest::prelude::*;

    fn edge(position_s: f64) -> LiveEdge {
        examples::live_edge((position_s * NANOS_PER_SECOND as f64) as Nanos)
    }

    fn playlists(edge: &LiveEdge, skip: bool) -> Vec<(String, String)> {
        let (film, texts) = (examples::two_languages(), examples::subtitles().text);
        let media = film.renditions().filter(|rendition| !rendition.copied);
        let media = media.map(|rendition| LiveTrack::Media(rendition));
        let all: Vec<LiveTrack> = media.chain(texts.first().map(|text| LiveTrack::Text(text))).collect();
        let print = |track: &LiveTrack| {
            let live = LiveRendition { track: *track, all: &all, file: FILE };
            (track.id().kind().to_owned(), live_playlist(&live, edge, skip))
        };
        all.iter().map(print).collect()
    }

    #[test]
    fn as_the_edge_moves() {
        for (name, position_s) in [("begin", 1.03), ("middle", 7.4)] {
            for (kind, text) in
                playlists(&edge(position_s), false).into_iter().filter(|(kind, _)| kind != "v360")
            {
                golden::check(&format!("live_{name}.{kind}.m3u8"), &text);
            }
        }
        let ended = LiveEdge { ended: true, ..edge(14.1) };
        golden::check("live_end.v720.m3u8", &playlists(&ended, false)[1].1);
    }

    #[test]
    fn what_is_old_is_skipped_where_that_is_asked_for() {
        let whole = &playlists(&edge(13.9), false)[0].1;
        let short = &playlists(&edge(13.9), true)[0].1;
        golden::check("live_delta.v1080.m3u8", short);
        let skipped: usize = short
            .lines()
            .find_map(|line| line.strip_prefix("#EXT-X-SKIP:SKIPPED-SEGMENTS="))
            .and_then(|count| count.parse().ok())
            .expect("some are");
        let segments = |text: &str| text.lines().filter(|line| line.starts_with("#EXTINF")).count();
        assert_eq!(segments(short) + skipped, segments(whole));
        assert!(!playlists(&edge(5.0), true)[0].1.contains("SKIP:"), "there is not enough to skip");
    }

    #[test]
    fn the_dates_of_a_film_whose_edge_waited_have_no_gap() {
        let mut waited = edge(7.4);
        waited.clock = ClockPoint { position_ns: 3_000_000_000, unix_ns: 1_767_323_100_000_000_000 };
        assert_eq!(playlists(&waited, false), playlists(&edge(7.4), false));
    }

    fn decimal(line: &str, prefix: &str) -> Option<i64> {
        let value = line.strip_prefix(prefix)?.split(',').next()?;
        Some((value.parse::<f64>().ok()? * 1e6).round() as i64)
    }

    proptest! {
        #[test]
        fn parts_add_up_to_their_segments_and_none_is_longer_than_promised(
            position_ms in 0i64..14_500,
        ) {
            for (_, text) in playlists(&edge(position_ms as f64 / 1e3), false) {
                let target = text
                    .lines()
                    .find_map(|line| decimal(line, "#EXT-X-PART-INF:PART-TARGET="))
                    .expect("a target");
                let (mut parts, mut sum) = (Vec::new(), 0);
                for line in text.lines() {
                    if let Some(micros) = decimal(line, "#EXT-X-PART:DURATION=") {
                        prop_assert!(micros <= target);
                        parts.push(micros);
                        sum += micros;
                    }
                    if let Some(micros) = decimal(line, "#EXTINF:") {
                        prop_assert!(parts.is_empty() || sum == micros);
                        let all_but_last = &parts[..parts.len().saturating_sub(1)];
                        prop_assert!(all_but_last.iter().all(|part| part * 100 >= target * 85));
                        parts.clear();
                        sum = 0;
                    }
                }
            }
        }
    }
}
