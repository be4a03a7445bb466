//! The `Cues` element (RFC 9559, 5.1.5): places a player may seek to. Not every keyframe need be among them, so
//! they are allowed cut points and no measure of the GOP.

use super::ebml::{Element, Id, elements};
use crate::media::{IndexSource, Keyframe, KeyframeIndex, TrackNumber};
use crate::timeline::Nanos;

const CUE_POINT: Id = 0xbb;
const CUE_TIME: Id = 0xb3;
const CUE_TRACK_POSITIONS: Id = 0xb7;
const CUE_TRACK: Id = 0xf7;
const CUE_CLUSTER_POSITION: Id = 0xf1;
const CUE_RELATIVE_POSITION: Id = 0xf0;
const CUE_DURATION: Id = 0xb2;

/// What one cue says of one track.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub track: TrackNumber,
    pub time_ns: Nanos,
    /// Where its cluster begins, from the segment's first byte.
    pub cluster: u64,
    /// Where its block begins, from the first byte of the cluster's body.
    pub block: Option<u64>,
    pub duration_ns: Option<Nanos>,
}

/// Every place that the cues name, by time.
pub fn places(body: &[u8], timestamp_scale: u64) -> Vec<Place> {
    let nanos = |time: u64| time.checked_mul(timestamp_scale).and_then(|nanos| Nanos::try_from(nanos).ok());
    let mut places = Vec::new();
    for point in elements(body).filter(|point| point.id == CUE_POINT) {
        let Some(time_ns) = point.child_unsigned(CUE_TIME).and_then(nanos) else { continue };
        for positions in point.children().filter(|child| child.id == CUE_TRACK_POSITIONS) {
            let track = positions.child_unsigned(CUE_TRACK);
            let cluster = positions.child_unsigned(CUE_CLUSTER_POSITION);
            let (Some(track), Some(cluster)) = (track, cluster) else { continue };
            let block = positions.child_unsigned(CUE_RELATIVE_POSITION);
            let duration_ns = positions.child_unsigned(CUE_DURATION).and_then(nanos);
            places.push(Place { track, time_ns, cluster, block, duration_ns });
        }
    }
    places.sort_by_key(|place| place.time_ns);
    places
}

/// Where a cue points.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Cue {
    pts_ns: Nanos,
    /// Byte position, from the segment's first.
    position: u64,
}

/// An index for each of `tracks`, `None` where the cues do not name the track. `timestamp_scale` is nanoseconds
/// per timestamp; `end_after` tells where the clusters from a position on end. Positions count from the segment's
/// first byte.
///
/// `bytes` are those of all tracks between two cues: it is what the file's clusters weigh.
pub fn read(
    body: &[u8],
    tracks: &[TrackNumber],
    timestamp_scale: u64,
    end_after: impl Fn(u64) -> u64,
) -> Vec<Option<KeyframeIndex>> {
    let mut cues: Vec<Vec<Cue>> = vec![Vec::new(); tracks.len()];
    for point in elements(body).filter(|point| point.id == CUE_POINT) {
        let nanos = point.child_unsigned(CUE_TIME).and_then(|time| time.checked_mul(timestamp_scale));
        let Some(pts_ns) = nanos.and_then(|nanos| Nanos::try_from(nanos).ok()) else { continue };
        for positions in point.children().filter(|child| child.id == CUE_TRACK_POSITIONS) {
            let track = positions.child_unsigned(CUE_TRACK);
            let place = tracks.iter().position(|&number| Some(number) == track);
            if let (Some(place), Some(position)) = (place, position(positions)) {
                cues[place].push(Cue { pts_ns, position });
            }
        }
    }
    cues.into_iter().map(|cues| index(cues, &end_after)).collect()
}

fn position(positions: Element<'_>) -> Option<u64> {
    let cluster = positions.child_unsigned(CUE_CLUSTER_POSITION)?;
    Some(cluster.saturating_add(positions.child_unsigned(CUE_RELATIVE_POSITION).unwrap_or(0)))
}

fn index(mut cues: Vec<Cue>, end_after: impl Fn(u64) -> u64) -> Option<KeyframeIndex> {
    cues.sort_unstable();
    cues.dedup_by_key(|cue| cue.pts_ns);
    let end = end_after(cues.last()?.position);
    let ends = cues.iter().skip(1).map(|next| next.position).chain([end]);
    let keyframe = |(cue, end): (&Cue, u64)| Keyframe {
        pts_ns: cue.pts_ns,
        // Cues do not tell whether pictures from before it follow.
        earliest_ns: cue.pts_ns,
        bytes: end.saturating_sub(cue.position),
    };
    let keyframes = cues.iter().zip(ends).map(keyframe).collect();
    Some(KeyframeIndex { source: IndexSource::Cues, keyframes, frame_count: None })
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::ebml::tests::{element, unsigned};
    use super::*;

    /// A cue point at `time` for the tracks and cluster positions given.
    pub fn cue_point(time: u64, positions: &[(TrackNumber, u64)]) -> Vec<u8> {
        let positions: Vec<u8> = positions
            .iter()
            .flat_map(|&(track, position)| {
                let track = unsigned(CUE_TRACK, track);
                element(CUE_TRACK_POSITIONS, &[&track, &unsigned(CUE_CLUSTER_POSITION, position)])
            })
            .collect();
        element(CUE_POINT, &[&unsigned(CUE_TIME, time), &positions])
    }

    fn one(body: &[u8]) -> Option<KeyframeIndex> {
        read(body, &[1], 1_000_000, |_| 1000).remove(0)
    }

    fn keyframes(cues: &[Vec<u8>]) -> Vec<(Nanos, u64)> {
        let index = one(&cues.concat()).expect("an index");
        assert!(index.keyframes.iter().all(Keyframe::closed));
        index.keyframes.iter().map(|keyframe| (keyframe.pts_ns, keyframe.bytes)).collect()
    }

    #[test]
    fn cues_of_one_track_become_keyframes_up_to_the_next() {
        let cues = [
            cue_point(0, &[(1, 100), (2, 110)]),
            cue_point(1001, &[(2, 200)]),
            cue_point(2002, &[(2, 300), (1, 310)]),
        ];
        assert_eq!(keyframes(&cues), [(0, 210), (2_002_000_000, 690)]);
    }

    #[test]
    fn cues_out_of_order_and_twice_are_put_right() {
        let cues = [cue_point(40, &[(1, 900)]), cue_point(0, &[(1, 100)]), cue_point(40, &[(1, 900)])];
        assert_eq!(keyframes(&cues), [(0, 800), (40_000_000, 100)]);
    }

    #[test]
    fn a_position_inside_the_cluster_counts() {
        let inside = |position| {
            let relative = unsigned(CUE_RELATIVE_POSITION, position);
            element(
                CUE_TRACK_POSITIONS,
                &[&unsigned(CUE_TRACK, 1), &unsigned(CUE_CLUSTER_POSITION, 100), &relative],
            )
        };
        let cues = [
            element(CUE_POINT, &[&unsigned(CUE_TIME, 0), &inside(5)]),
            element(CUE_POINT, &[&unsigned(CUE_TIME, 7), &inside(45)]),
        ];
        assert_eq!(keyframes(&cues), [(0, 40), (7_000_000, 855)]);
    }

    #[test]
    fn a_track_without_cues_has_no_index() {
        for body in [cue_point(u64::MAX, &[(1, 100)]), cue_point(0, &[(2, 100)]), Vec::new()] {
            assert_eq!(one(&body), None);
        }
    }
}
