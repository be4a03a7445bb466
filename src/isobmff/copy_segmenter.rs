//! Packets of a pass-through in, fragments on the cut list out.
//!
//! Packets come in decode order. The presentation times of a segment, sorted, and shifted by the track's reorder
//! delay, serve as its decode times: sample i is decoded when picture i − delay is presented. So the segments of
//! all heads meet in ticks, no edit list is needed, and composition offsets are not negative, which FFmpeg's
//! reader would take for a delay of the whole track. A segment's decode times begin `delay` frames before its cut;
//! only those of the first segment, which cannot lie before zero, are squeezed together, a tick apart.

use super::fragment::{Fragment, FragmentSample, fragment_bytes};
use crate::timeline::{CutList, FragmentRule, SegmentIndex};

/// One coded frame as the demuxer gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// Presentation time in ticks of the cut list.
    pub tick: i64,
    /// No packet that follows is presented before this tick, where the source says (its decode time).
    pub floor: Option<i64>,
    pub sync: bool,
    pub data: Vec<u8>,
}

#[derive(Debug)]
pub struct CopySegmenter {
    cuts: CutList,
    rule: FragmentRule,
    /// Presentation tick of the keyframe that opens each segment; equal to the cut for closed GOPs.
    keyframes: Vec<i64>,
    frame_ticks: i64,
    /// Frames by which decoding runs ahead of presentation.
    delay: usize,
    segment: SegmentIndex,
    range: std::ops::Range<i64>,
    /// The opening keyframe of `segment` has come.
    open: bool,
    packets: Vec<Packet>,
    /// Ticks of all packets of the segment, sorted; `sent` packets have left already.
    ticks: Vec<i64>,
    sent: usize,
    part: u32,
    complete: bool,
    /// Packets left out because nothing in their segment can refer to what precedes the cut.
    pub dropped: u64,
}

impl CopySegmenter {
    /// `keyframes[n]` opens segment `n`; `frame_ticks` is the nominal length of a frame, `delay` the frames by
    /// which decoding runs ahead. `None` beyond the end.
    pub fn new(
        cuts: CutList,
        rule: FragmentRule,
        keyframes: Vec<i64>,
        frame_ticks: i64,
        delay: usize,
        start: SegmentIndex,
    ) -> Option<Self> {
        let range = cuts.range(start)?;
        (keyframes.len() == cuts.segment_count() as usize).then_some(Self {
            cuts,
            rule,
            keyframes,
            frame_ticks: frame_ticks.max(1),
            delay,
            segment: start,
            range,
            open: false,
            packets: Vec::new(),
            ticks: Vec::new(),
            sent: 0,
            part: 0,
            complete: false,
            dropped: 0,
        })
    }

    /// Takes the next packet in decode order; the fragments that are complete with it.
    pub fn push(&mut self, mut packet: Packet) -> Vec<Fragment> {
        let mut done = Vec::new();
        if self.complete {
            return done;
        }
        if !self.open {
            if !(packet.sync && self.opens(self.segment, packet.tick)) {
                self.dropped += 1;
                return done;
            }
            self.open = true;
            self.add(packet);
            return done;
        }
        if packet.sync && self.opens(self.segment.next(), packet.tick) && self.segment.next().0 < self.count()
        {
            done.extend(self.close_segment());
            self.open = true;
            self.add(packet);
            return done;
        }
        if packet.tick < self.range.start {
            // A leading picture of a GOP that the index called closed.
            self.dropped += 1;
            return done;
        }
        packet.tick = packet.tick.min(self.range.end - 1);
        self.add(packet);
        done.extend(self.flush_known());
        done
    }

    /// The source ended: closes the segment at hand.
    pub fn finish(&mut self) -> Vec<Fragment> {
        if self.open { self.close_segment() } else { Vec::new() }
    }

    pub fn complete(&self) -> bool {
        self.complete
    }

    /// The segment that the next packet belongs to, unless it opens the one after.
    pub fn segment(&self) -> SegmentIndex {
        self.segment
    }

    fn count(&self) -> u32 {
        self.cuts.segment_count()
    }

    fn opens(&self, segment: SegmentIndex, tick: i64) -> bool {
        self.keyframes
            .get(segment.0 as usize)
            .is_some_and(|&at| (tick - at).abs() <= (self.frame_ticks / 2).max(1))
    }

    fn add(&mut self, packet: Packet) {
        let tick = packet.tick.max(self.range.start);
        let at = self.ticks.partition_point(|&other| other <= tick);
        self.ticks.insert(at, tick);
        self.packets.push(Packet { tick, ..packet });
    }

    /// When the picture at `index` in presentation order is shown: the first one on the cut, the one behind the
    /// last at the segment's end.
    fn shown_tick(&self, index: usize) -> i64 {
        if index == 0 { self.range.start } else { self.ticks.get(index).copied().unwrap_or(self.range.end) }
    }

    /// When the packet at `index` in decode order is decoded, in a segment of `count` packets where that is known;
    /// with `index == count`, where the segment's decode times end.
    fn decode_tick(&self, index: usize, count: Option<usize>) -> i64 {
        let first_possible = self.cuts.start() + index as i64;
        let ahead = self.delay as i64 * self.frame_ticks;
        let end = self.range.end - ahead;
        let at = if count == Some(index) {
            end
        } else if index < self.delay {
            self.range.start - (self.delay - index) as i64 * self.frame_ticks
        } else {
            // Frames closer together than usual must still be decoded before the segment's times end.
            let latest = count.map_or(i64::MAX, |count| end - (count - index) as i64);
            self.shown_tick(index - self.delay).min(latest)
        };
        if self.segment.0 == 0 { at.max(first_possible) } else { at }
    }

    /// Fragments whose decode times can no longer change.
    fn flush_known(&mut self) -> Vec<Fragment> {
        let mut done = Vec::new();
        let Some(floor) = self.packets.last().and_then(|packet| packet.floor) else {
            return done;
        };
        let known = self.ticks.partition_point(|&tick| tick <= floor);
        loop {
            let start = self.shown_tick(self.sent);
            let end = self.rule.fragment_end(&self.range, start);
            if end >= self.range.end {
                return done;
            }
            let stop = self.ticks.partition_point(|&tick| tick < end).max(self.sent + 1);
            if stop >= known || stop >= self.packets.len() {
                return done;
            }
            done.push(self.emit(stop, false));
        }
    }

    fn close_segment(&mut self) -> Vec<Fragment> {
        let mut done = Vec::new();
        while self.sent < self.packets.len() {
            let start = self.shown_tick(self.sent);
            let end = self.rule.fragment_end(&self.range, start);
            let stop = self.ticks.partition_point(|&tick| tick < end).max(self.sent + 1);
            let stop = stop.min(self.packets.len());
            done.push(self.emit(stop, stop == self.packets.len()));
        }
        self.packets.clear();
        self.ticks.clear();
        self.sent = 0;
        self.part = 0;
        self.open = false;
        match self.cuts.range(self.segment.next()) {
            Some(range) => {
                self.segment = self.segment.next();
                self.range = range;
            }
            None => self.complete = true,
        }
        done
    }

    /// The packets up to `stop`, in decode order, as a fragment.
    fn emit(&mut self, stop: usize, last: bool) -> Fragment {
        let start = self.shown_tick(self.sent);
        let end = if last { self.range.end } else { self.shown_tick(stop) };
        // Before the segment is whole its count is not known, and only matters for the last packets.
        let count = last.then_some(stop);
        let decode_start = self.decode_tick(self.sent, count);
        let mut samples = Vec::with_capacity(stop - self.sent);
        for index in self.sent..stop {
            let (at, next) = (self.decode_tick(index, count), self.decode_tick(index + 1, count));
            let packet = &mut self.packets[index];
            let shown = if packet.tick == self.ticks[0] { self.range.start } else { packet.tick };
            samples.push(FragmentSample {
                duration: u32::try_from(next - at).unwrap_or(0),
                composition_offset: (shown - at).clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32,
                sync: packet.sync,
                data: std::mem::take(&mut packet.data),
            });
        }
        let fragment = Fragment {
            segment: self.segment,
            part: self.part,
            start,
            duration: end - start,
            independent: samples.first().is_some_and(|sample| sample.sync),
            last,
            bytes: fragment_bytes(self.segment, self.part, decode_start, &samples),
        };
        self.sent = stop;
        self.part += 1;
        fragment
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mp4_atom::{Header, ReadAtom, ReadFrom};

    const FRAME: i64 = 1000;

    /// Presentation order of a GOP in decode order: I P B B P B B …, `frames` of them.
    fn gop(first: i64, frames: i64) -> Vec<i64> {
        let mut order = vec![0];
        let mut anchor = 0;
        while anchor < frames - 1 {
            let next = (anchor + 3).min(frames - 1);
            order.push(next);
            order.extend(anchor + 1..next);
            anchor = next;
        }
        order.into_iter().map(|n| first + n * FRAME).collect()
    }

    fn packets(segments: &[Vec<i64>], floors: bool) -> Vec<Packet> {
        let mut decode = -2 * FRAME;
        let mut all = Vec::new();
        for ticks in segments {
            for (n, &tick) in ticks.iter().enumerate() {
                all.push(Packet { tick, floor: floors.then_some(decode), sync: n == 0, data: vec![n as u8] });
                decode += FRAME;
            }
        }
        all
    }

    fn run(segmenter: &mut CopySegmenter, packets: Vec<Packet>) -> Vec<Fragment> {
        let mut fragments: Vec<Fragment> =
            packets.into_iter().flat_map(|packet| segmenter.push(packet)).collect();
        fragments.extend(segmenter.finish());
        fragments
    }

    /// (decode tick, presentation tick) of every sample.
    fn times(fragment: &Fragment) -> Vec<(i64, i64)> {
        let mut cursor = std::io::Cursor::new(&fragment.bytes);
        let header = Header::read_from(&mut cursor).expect("moof header");
        let moof = mp4_atom::Moof::read_atom(&header, &mut cursor).expect("moof");
        let traf = &moof.traf[0];
        let mut at = traf.tfdt.as_ref().expect("tfdt").base_media_decode_time as i64;
        let mut times = Vec::new();
        for entry in &traf.trun[0].samples {
            times.push((at, at + entry.cts.unwrap_or(0)));
            at += i64::from(entry.duration.or(traf.tfhd.default_sample_duration).expect("a duration"));
        }
        times
    }

    /// Where the decode times of a fragment end.
    fn decode_end(fragment: &Fragment) -> i64 {
        let mut cursor = std::io::Cursor::new(&fragment.bytes);
        let header = Header::read_from(&mut cursor).expect("moof header");
        let moof = mp4_atom::Moof::read_atom(&header, &mut cursor).expect("moof");
        let traf = &moof.traf[0];
        let durations = traf.trun[0].samples.iter().map(|entry| {
            i64::from(entry.duration.or(traf.tfhd.default_sample_duration).expect("a duration"))
        });
        traf.tfdt.as_ref().expect("tfdt").base_media_decode_time as i64 + durations.sum::<i64>()
    }

    fn two_segments() -> (CutList, Vec<Vec<i64>>) {
        let segments = vec![gop(0, 50), gop(50 * FRAME, 48)];
        (
            CutList { timescale: 25_000, boundaries: vec![0, 50 * FRAME, 98 * FRAME], independent: true },
            segments,
        )
    }

    #[test]
    fn pictures_keep_their_presentation_times_and_segments_start_on_their_cuts() {
        let (cuts, segments) = two_segments();
        let rule = FragmentRule::fixed(4 * FRAME, 8 * FRAME);
        for floors in [true, false] {
            let mut segmenter =
                CopySegmenter::new(cuts.clone(), rule, vec![0, 50 * FRAME], FRAME, 1, SegmentIndex(0))
                    .expect("fits");
            let fragments = run(&mut segmenter, packets(&segments, floors));
            let shown: Vec<i64> = fragments.iter().flat_map(times).map(|(_, shown)| shown).collect();
            assert_eq!(shown, segments.concat());
            let (mut at, mut decoded) = (0, 0);
            for fragment in &fragments {
                assert_eq!(fragment.start, at);
                at += fragment.duration;
                assert_eq!(times(fragment)[0].0, decoded);
                decoded = decode_end(fragment);
            }
            assert_eq!(at, 98 * FRAME);
            assert_eq!(decoded, 97 * FRAME, "decoding runs one frame ahead");
            assert!(fragments.iter().flat_map(times).all(|(decoded, shown)| shown >= decoded));
            assert_eq!(fragments.iter().filter(|fragment| fragment.last).count(), 2);
            assert_eq!(times(&fragments[0])[0], (0, 0));
            assert!(segmenter.complete());
            assert_eq!(segmenter.dropped, 0);
        }
    }

    #[test]
    fn decode_times_let_fragments_leave_before_the_segment_is_whole() {
        let (cuts, segments) = two_segments();
        let rule = FragmentRule::fixed(4 * FRAME, 8 * FRAME);
        let mut segmenter =
            CopySegmenter::new(cuts, rule, vec![0, 50 * FRAME], FRAME, 1, SegmentIndex(0)).expect("fits");
        let early: usize =
            packets(&segments, true).into_iter().take(20).map(|packet| segmenter.push(packet).len()).sum();
        assert_eq!(early, 3);
    }

    #[test]
    fn a_head_in_the_middle_makes_the_same_fragments() {
        let (cuts, segments) = two_segments();
        let rule = FragmentRule::fixed(4 * FRAME, 8 * FRAME);
        let make = |start| {
            let mut segmenter =
                CopySegmenter::new(cuts.clone(), rule, vec![0, 50 * FRAME], FRAME, 1, SegmentIndex(start))
                    .expect("fits");
            run(&mut segmenter, packets(&segments, true))
        };
        let tail: Vec<Fragment> = make(0).into_iter().filter(|fragment| fragment.segment.0 == 1).collect();
        assert_eq!(make(1), tail);
    }

    #[test]
    fn an_open_gop_starts_at_its_earliest_leading_picture() {
        let mut second = gop(50 * FRAME, 40);
        second.splice(1..1, [48 * FRAME, 49 * FRAME]);
        let segments = vec![gop(0, 48), second];
        let cuts =
            CutList { timescale: 25_000, boundaries: vec![0, 48 * FRAME, 90 * FRAME], independent: false };
        let rule = FragmentRule::fixed(4 * FRAME, 8 * FRAME);
        let mut segmenter =
            CopySegmenter::new(cuts, rule, vec![0, 50 * FRAME], FRAME, 1, SegmentIndex(0)).expect("fits");
        let fragments = run(&mut segmenter, packets(&segments, true));
        let second: Vec<&Fragment> = fragments.iter().filter(|fragment| fragment.segment.0 == 1).collect();
        assert_eq!(times(second[0])[0], (47 * FRAME, 50 * FRAME));
        assert_eq!(segmenter.dropped, 0);
    }

    #[test]
    fn leading_pictures_of_a_gop_that_was_called_closed_are_left_out() {
        let mut second = gop(50 * FRAME, 40);
        second.splice(1..1, [48 * FRAME, 49 * FRAME]);
        let cuts =
            CutList { timescale: 25_000, boundaries: vec![0, 50 * FRAME, 90 * FRAME], independent: true };
        let rule = FragmentRule::fixed(4 * FRAME, 8 * FRAME);
        let mut segmenter =
            CopySegmenter::new(cuts, rule, vec![0, 50 * FRAME], FRAME, 1, SegmentIndex(0)).expect("fits");
        let fragments = run(&mut segmenter, packets(&[gop(0, 48), second], false));
        assert_eq!(segmenter.dropped, 2);
        assert_eq!(fragments.iter().map(|fragment| fragment.duration).sum::<i64>(), 90 * FRAME);
    }
}
