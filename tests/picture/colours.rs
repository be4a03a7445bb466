//! Colours of every range, matrix and chroma, as a viewer sees them who believes what the stream says.

use std::sync::Arc;

use millrace::colour::{BT709, BT2020, Luma, ToneMap, Triple};

use crate::chart::{Coding, HEIGHT, Planes, WIDTH, differences, patches};
use crate::made::{BT601, Shown, exact, with_film};
use crate::support::{Film, film, folder};

const PLAIN: Coding = Coding { planes: Planes::Yuv(2, 2), luma: BT709, full_range: false, bits: 8 };

fn pixel_format(coding: &Coding) -> String {
    let planes = match coding.planes {
        Planes::Yuv(2, 2) => "yuv420p",
        Planes::Yuv(2, 1) => "yuv422p",
        Planes::Yuv(4, 1) => "yuv411p",
        Planes::Yuv(..) => "yuv444p",
        Planes::Grey => "gray",
        Planes::Rgb => "gbrp",
    };
    if coding.bits == 8 { planes.into() } else { format!("{planes}{}le", coding.bits) }
}

/// A second of a picture, coded by these options.
fn film_with(
    name: &'static str,
    coding: &Coding,
    (size, options): ((usize, usize), &str),
    picture: impl Fn(usize, usize) -> Triple,
) -> Arc<Film> {
    let raw = format!("{name}.raw");
    std::fs::write(folder().join(&raw), coding.frame(size, picture)).expect("written");
    let range = if coding.full_range { "pc" } else { "tv" };
    let format = pixel_format(coding);
    // What goes in says its range too, or `ffmpeg` converts it.
    let (width, height) = size;
    film(
        name,
        &format!(
            "-stream_loop -1 -f rawvideo -pix_fmt {format} -s {width}x{height} -r 25 -color_range {range} -i {raw} \
             -frames:v 25 -color_range {range} -pix_fmt {format} {options}"
        ),
    )
}

const X264: &str = "-c:v libx264 -preset ultrafast -qp 0";
const SIZE: (usize, usize) = (WIDTH, HEIGHT);

fn marks(luma: Luma) -> &'static str {
    match luma {
        luma if luma == BT709 => "-colorspace bt709 -color_primaries bt709 -color_trc bt709",
        luma if luma == BT2020 => "-colorspace bt2020nc -color_primaries bt2020 -color_trc bt2020-10",
        _ => "-colorspace smpte170m -color_primaries smpte170m -color_trc smpte170m",
    }
}

/// Mean and greatest difference that nobody sees.
const EXACT: (f64, f64) = (0.6, 1.5);

fn patches_of(name: &'static str, coding: Coding, options: &str, limits: (f64, f64)) {
    patches_become(name, coding, options, limits, |rgb| rgb);
}

fn patches_become(
    name: &'static str,
    coding: Coding,
    options: &str,
    limits: (f64, f64),
    meant: impl Fn(Triple) -> Triple,
) {
    let film = film_with(name, &coding, (SIZE, options), patches);
    let shown = Shown::of(&exact(&film));
    assert_eq!((shown.width, shown.height), SIZE, "{name}");
    let found = differences(shown.frame(12), meant);
    println!("{name} ({coding:?}): {found}");
    assert!(found.mean() <= limits.0 && found.greatest() <= limits.1, "{name}: {found}");
}

#[test]
fn full_range_becomes_limited_with_the_same_colours() {
    for (name, luma, bits) in [
        ("full709.mkv", BT709, 8),
        ("full601.mkv", BT601, 8),
        ("full709-10.mkv", BT709, 10),
        ("full601-10.mkv", BT601, 10),
    ] {
        let coding = Coding { luma, full_range: true, bits, ..PLAIN };
        patches_of(name, coding, &format!("{X264} {}", marks(luma)), EXACT);
    }
}

#[test]
fn limited_range_stays_as_it_is() {
    for (name, luma) in [("limited709.mkv", BT709), ("limited601.mkv", BT601)] {
        patches_of(name, Coding { luma, ..PLAIN }, &format!("{X264} {}", marks(luma)), EXACT);
    }
}

#[test]
fn black_middle_and_white_of_full_range_are_those_of_limited_range() {
    let coding = Coding { full_range: true, ..PLAIN };
    let steps = |x: usize, _: usize| [(x / 107) as f64 * 0.5; 3];
    let film = film_with("steps.mkv", &coding, (SIZE, &format!("{X264} {}", marks(BT709))), steps);
    let shown = Shown::of(&exact(&film));
    let found = [50, 160, 270].map(|x| shown.frame(12).luma(x, 90));
    for (found, expected) in found.into_iter().zip([16, 126, 235]) {
        assert!(found.abs_diff(expected) <= 1, "{found}, not {expected}");
    }
}

#[test]
fn photographs_in_motion_have_the_range_and_matrix_of_jpeg() {
    for (name, planes) in [("jpeg444.avi", Planes::Yuv(1, 1)), ("jpeg420.mov", Planes::Yuv(2, 2))] {
        let coding = Coding { planes, luma: BT601, full_range: true, bits: 8 };
        patches_of(name, coding, "-c:v mjpeg -q:v 1 -qmin 1 -huffman optimal", (1.0, 3.0));
    }
}

#[test]
fn bt2020_comes_out_in_the_gamut_of_bt709() {
    for (name, bits, full_range, limits) in
        // What eight bits do not say of a colour is more in a gamut that is cut.
        [
            ("wide8.mkv", 8, false, (1.0, 3.5)),
            ("wide10.mkv", 10, false, EXACT),
            ("wide-full.mkv", 10, true, EXACT),
        ]
    {
        let coding = Coding { luma: BT2020, bits, full_range, ..PLAIN };
        let map = ToneMap::sdr();
        patches_become(name, coding, &format!("{X264} {}", marks(BT2020)), limits, |rgb| map.map(rgb));
    }
}

#[test]
fn every_chroma_comes_out_with_its_colours() {
    let of = |planes, bits| Coding { planes, bits, ..PLAIN };
    let x264 = format!("{X264} {}", marks(BT709));
    patches_of("422.mkv", of(Planes::Yuv(2, 1), 8), &x264, EXACT);
    patches_of("422-10.mkv", of(Planes::Yuv(2, 1), 10), &x264, EXACT);
    patches_of("444.mkv", of(Planes::Yuv(1, 1), 8), &x264, EXACT);
    patches_of("444-10.mkv", of(Planes::Yuv(1, 1), 10), &x264, EXACT);
    let prores = format!("-c:v prores_ks -profile:v 3 -qscale:v 1 {}", marks(BT709));
    patches_of("prores.mov", of(Planes::Yuv(2, 1), 10), &prores, EXACT);
    let mpeg2 = format!("-c:v mpeg2video -q:v 1 -qmin 1 {}", marks(BT709));
    patches_of("mpeg2-422.mkv", of(Planes::Yuv(2, 1), 8), &mpeg2, (1.0, 3.0));
}

#[test]
fn pictures_coded_in_red_green_and_blue_come_out_with_their_colours() {
    let coding = Coding { planes: Planes::Rgb, full_range: true, ..PLAIN };
    patches_of(
        "rgb.mkv",
        coding,
        "-c:v libx264rgb -preset ultrafast -qp 0 -pix_fmt gbrp -colorspace rgb -color_primaries bt709 -color_trc iec61966-2-1",
        EXACT,
    );
}

#[test]
fn pictures_without_colours_stay_grey() {
    let coding = Coding { planes: Planes::Grey, ..PLAIN };
    patches_become("grey.mkv", coding, &format!("{X264} {}", marks(BT709)), EXACT, |rgb| [BT709.of(rgb); 3]);
}

/// Blocks of four pixels across have one pair of differences.
#[test]
fn digital_video_has_its_colours() {
    const DV: (usize, usize) = (720, 480);
    let coding = Coding { planes: Planes::Yuv(4, 1), luma: BT601, ..PLAIN };
    let bars = |x: usize, _: usize| [[0.75, 0.1, 0.1], [0.1, 0.6, 0.2], [0.2, 0.2, 0.8], [0.7; 3]][x / 180];
    let film = film_with("dv.avi", &coding, (DV, "-c:v dvvideo -r 30000/1001 -aspect 4:3"), bars);
    let shown = Shown::of(&with_film(&film, |_| {}));
    let frame = shown.frame(10);
    for (n, expected) in (0..4).map(|n| (n, bars(n * 180, 0))) {
        let found = frame.colour((2 * n + 1) * shown.width / 8, shown.height / 2);
        let off = found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(off < 0.04, "bar {n}: {found:.3?}, not {expected:?}");
    }
}

/// Where along a row one colour turns into another, in pixels, for planes whose samples stand with every second pixel.
fn edge(shown: &Shown, plane: usize) -> f64 {
    let frame = shown.frame(12);
    let row: Vec<f64> =
        (0..shown.width / 2).map(|x| f64::from(frame.chroma(plane, x, shown.height / 4))).collect();
    let (left, right) = (row[8], row[row.len() - 8]);
    // A sample reaches from half a pixel before its own to one and a half behind.
    row.iter().map(|value| 2.0 * (value - right) / (left - right)).sum::<f64>() - 0.5
}

#[test]
fn colours_stay_where_their_brightness_is() {
    for (name, planes) in [
        ("edge444.mkv", Planes::Yuv(1, 1)),
        ("edge422.mkv", Planes::Yuv(2, 1)),
        ("edge420.mkv", Planes::Yuv(2, 2)),
    ] {
        let halves = |x: usize, _: usize| if x < 160 { [0.8, 0.2, 0.2] } else { [0.2, 0.3, 0.8] };
        let coding = Coding { planes, ..PLAIN };
        let film = film_with(name, &coding, (SIZE, &format!("{X264} {}", marks(BT709))), halves);
        let shown = Shown::of(&exact(&film));
        let edges = [edge(&shown, 1), edge(&shown, 2)];
        println!("{name}: colours change at {edges:.2?}, brightness at 160");
        // Without a filter the first sample behind stands for a pixel before it too.
        assert!(edges.iter().all(|edge| (edge - 160.0).abs() <= 0.75), "{name}: {edges:?}");
    }
}
