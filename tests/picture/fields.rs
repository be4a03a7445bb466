//! Interlaced pictures as progressive ones.

use std::sync::Arc;

use crate::made::{Shown, exact};
use crate::support::{Film, film, folder, samples};

const SIZE: (usize, usize) = (720, 576);
/// Moments, two to a frame.
const MOMENTS: usize = 100;
const BAR: usize = 40;
/// Pixels from moment to moment.
const STEP: usize = 6;

/// A bright bar that moves to the right.
fn moments(film: &str) -> String {
    let name = format!("{film}.yuv");
    let mut bytes = Vec::new();
    for moment in 0..MOMENTS {
        let from = 20 + moment * STEP;
        for _ in 0..SIZE.1 {
            bytes.extend((0..SIZE.0).map(|x| if (from..from + BAR).contains(&x) { 200u8 } else { 50 }));
        }
        bytes.extend(vec![128; SIZE.0 * SIZE.1 / 2]);
    }
    std::fs::write(folder().join(&name), bytes).expect("written");
    format!("-f rawvideo -pix_fmt yuv420p -s 720x576 -r 50 -i {name}")
}

fn interlaced(name: &'static str) -> Arc<Film> {
    let (first, order, top) =
        if name.contains("bff") { ("interleave_bottom", "bff", "0") } else { ("interleave_top", "tff", "1") };
    let codec = if name.contains("mpeg2") {
        format!("-c:v mpeg2video -q:v 2 -flags +ilme+ildct -top {top} -bf 2 -g 12")
    } else {
        format!("-c:v libx264 -preset ultrafast -qp 4 -flags +ilme+ildct -x264-params {order}=1 -bf 2")
    };
    let input = moments(name);
    film(name, &format!("{input} -vf tinterlace={first},setfield={order} {codec} -pix_fmt yuv420p"))
}

/// Where the bar begins in a row, to less than a pixel: what is bright in the row, from its end.
fn bar_at(row: &[u8]) -> Option<f64> {
    let light = |value: u8| (f64::from(value) - 50.0) / 150.0;
    let total: f64 = row.iter().map(|value| light(*value)).sum();
    let centre: f64 =
        row.iter().enumerate().map(|(x, value)| (x as f64 + 0.5) * light(*value)).sum::<f64>() / total;
    (total > BAR as f64 / 2.0).then_some(centre - BAR as f64 / 2.0)
}

/// Pictures are made of the top fields, which are those of the `field`-th moment of each frame.
fn fields_of(name: &'static str, field: usize) {
    let film = interlaced(name);
    let track = &film.info.video[0];
    assert!(track.interlaced, "{name}");
    assert_eq!((track.frame_rate.num, track.frame_rate.den), (25, 1), "{name}");
    assert!(film.plan.video.iter().all(|rendition| !rendition.copied), "{name} is copied");
    let made = exact(&film);
    let listed: Vec<(u32, i64)> = made.fragments.iter().flat_map(|fragment| samples(fragment).1).collect();
    let ticks = i64::from(film.plan.video[0].cuts.timescale) / 25;
    assert!(listed.iter().all(|(duration, offset)| i64::from(*duration) == ticks && *offset == 0), "{name}");
    let shown = Shown::of(&made);
    assert!(
        shown.count().abs_diff(MOMENTS / 2) <= 1 && shown.count() == listed.len(),
        "{name}: {}",
        shown.count()
    );
    let mut told = Vec::new();
    let mut worst_comb: f64 = 0.0;
    for n in 0..shown.count().min(MOMENTS / 2) - 1 {
        let frame = shown.frame(n);
        let places: Vec<f64> = (200..360).filter_map(|y| bar_at(frame.row(y))).collect();
        assert_eq!(places.len(), 160, "{name}: no bar in picture {n}");
        let comb = places.windows(2).map(|pair| (pair[0] - pair[1]).abs()).fold(0.0, f64::max);
        worst_comb = worst_comb.max(comb);
        let mean = places.iter().sum::<f64>() / places.len() as f64;
        told.push((mean - 20.0) / STEP as f64);
    }
    println!("{name}: lines differ by {worst_comb:.2} pixels at most; pictures show the moments {told:.1?}");
    assert!(worst_comb < 1.0, "{name}: neighbouring lines show the bar {worst_comb:.1} pixels apart");
    for (n, moment) in told.iter().enumerate() {
        let expected = (2 * n + field) as f64;
        assert!(
            (moment - expected).abs() < 0.25,
            "{name}: picture {n} is of moment {moment:.2}, not {expected}"
        );
    }
}

#[test]
fn the_fields_of_h264_with_the_top_one_first_make_pictures_in_order() {
    fields_of("h264-tff.mkv", 0);
}

#[test]
fn the_fields_of_h264_with_the_bottom_one_first_make_pictures_in_order() {
    fields_of("h264-bff.mkv", 1);
}

#[test]
fn the_fields_of_mpeg2_with_the_top_one_first_make_pictures_in_order() {
    fields_of("mpeg2-tff.ts", 0);
}

#[test]
fn the_fields_of_mpeg2_with_the_bottom_one_first_make_pictures_in_order() {
    fields_of("mpeg2-bff.ts", 1);
}
