//! Pictures that are turned, whose pixels are no squares, or whose sizes are odd.

use std::sync::Arc;

use millrace::colour::{BT709, Triple};

use crate::chart::{Coding, Planes};
use crate::made::{BT601, Frame, Shown, exact};
use crate::support::{Film, film, folder};

/// Of sizes that H.264 has not with half as much chroma.
const VP9: &str = "-c:v libvpx-vp9 -lossless 1 -deadline realtime -cpu-used 8";
const LOSSLESS: &str = "-c:v libx264 -preset ultrafast -qp 0";
const MARKS: &str = "-colorspace bt709 -color_primaries bt709 -color_trc bt709 -color_range tv";
const CODING: Coding = Coding { planes: Planes::Yuv(2, 2), luma: BT709, full_range: false, bits: 8 };

/// A second of one picture: an input for `ffmpeg`.
fn still(
    name: &str,
    size: (usize, usize),
    coding: &Coding,
    picture: impl Fn(usize, usize) -> Triple,
) -> String {
    let format = match coding.planes {
        Planes::Yuv(1, 1) => "yuv444p",
        _ => "yuv420p",
    };
    std::fs::write(folder().join(name), coding.frame(size, picture)).expect("written");
    let (width, height) = size;
    format!(
        "-stream_loop -1 -f rawvideo -pix_fmt {format} -s {width}x{height} -r 25 -i {name} -frames:v 25 {MARKS}"
    )
}

const RED: Triple = [0.8, 0.1, 0.1];
const GREEN: Triple = [0.1, 0.7, 0.1];
const BLUE: Triple = [0.1, 0.1, 0.8];
const WHITE: Triple = [1.0; 3];
const GREY: Triple = [0.5; 3];

/// Corners of their own colours, so wide and so high: red, green, blue and white, line by line.
fn corners((width, height): (usize, usize), corner: (usize, usize)) -> impl Fn(usize, usize) -> Triple {
    move |x, y| {
        let column = if x < corner.0 {
            Some(0)
        } else if x >= width - corner.0 {
            Some(1)
        } else {
            None
        };
        let row = if y < corner.1 {
            Some(0)
        } else if y >= height - corner.1 {
            Some(1)
        } else {
            None
        };
        match column.zip(row) {
            Some((column, row)) => [RED, GREEN, BLUE, WHITE][row * 2 + column],
            None => GREY,
        }
    }
}

fn near(found: Triple, expected: Triple) -> bool {
    found.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 0.04)
}

/// The colours in the corners of a frame, line by line.
fn in_corners(frame: Frame<'_>, (width, height): (usize, usize), from_edge: usize) -> [Triple; 4] {
    let (right, below) = (width - from_edge, height - from_edge);
    [(from_edge, from_edge), (right, from_edge), (from_edge, below), (right, below)]
        .map(|(x, y)| frame.colour(x, y))
}

fn assert_corners(film: &Arc<Film>, size: (usize, usize), expected: [Triple; 4]) {
    let shown = Shown::of(&exact(film));
    let place = film.path.display();
    assert_eq!((shown.width, shown.height), size, "{place}");
    for n in [0, 12, 24] {
        let found = in_corners(shown.frame(n), size, 16);
        let right = found.iter().zip(expected).all(|(found, expected)| near(*found, expected));
        assert!(right, "{place}, picture {n}: {found:.2?}, not {expected:.2?}");
        let middle = shown.frame(n).colour(size.0 / 2, size.1 / 2);
        assert!(near(middle, GREY), "{place}: {middle:.2?} in the middle");
    }
}

/// The same film with a matrix of its own in the header of its track (ISO/IEC 14496-12 section 8.3.2), which says where its
/// x and y axes point on the screen.
fn turned(flat: &str, name: &'static str, degrees: u32) -> Arc<Film> {
    const ONE: i32 = 1 << 16;
    let (across, down) = match degrees {
        90 => ((0, ONE), (-ONE, 0)),
        180 => ((-ONE, 0), (0, -ONE)),
        270 => ((0, -ONE), (ONE, 0)),
        _ => ((ONE, 0), (0, ONE)),
    };
    let matrix = [across.0, across.1, 0, down.0, down.1, 0, 0, 0, 1 << 30];
    let mut bytes = std::fs::read(folder().join(flat)).expect("made");
    let header = bytes.windows(4).position(|word| word == b"tkhd").expect("a track");
    // Behind the type: version and flags, three times and numbers, length, and layer, group and volume.
    let at = header + 44;
    for (n, value) in matrix.into_iter().enumerate() {
        bytes[at + 4 * n..at + 4 * n + 4].copy_from_slice(&value.to_be_bytes());
    }
    let patched = format!("patched-{name}");
    std::fs::write(folder().join(&patched), bytes).expect("written");
    film(name, &format!("-i {patched} -c copy"))
}

#[test]
fn turned_pictures_have_their_corners_where_a_viewer_sees_them() {
    const SIZE: (usize, usize) = (320, 180);
    let flat = still("corners.yuv", SIZE, &CODING, corners(SIZE, (80, 60)));
    film("corners.mp4", &format!("{flat} {LOSSLESS} -pix_fmt yuv420p"));
    // Clockwise.
    for (name, degrees, size, expected) in [
        ("turned0.mp4", 0, SIZE, [RED, GREEN, BLUE, WHITE]),
        ("turned90.mp4", 90, (180, 320), [BLUE, RED, WHITE, GREEN]),
        ("turned180.mp4", 180, SIZE, [WHITE, BLUE, GREEN, RED]),
        ("turned270.mp4", 270, (180, 320), [GREEN, WHITE, RED, BLUE]),
    ] {
        let film = turned("corners.mp4", name, degrees);
        assert_eq!(u32::from(film.info.video[0].rotation), degrees, "{name}");
        assert_eq!(film.plan.video.iter().any(|rendition| rendition.copied), degrees == 0, "{name}");
        assert_corners(&film, size, expected);
    }
}

/// Nothing in the file says what its colours are: its lines do, before they are turned.
#[test]
fn turned_pictures_that_do_not_say_their_colours_keep_them() {
    const SIZE: (usize, usize) = (640, 480);
    let coding = Coding { luma: BT601, ..CODING };
    let flat = still("silent.yuv", SIZE, &coding, corners(SIZE, (200, 150))).replace(MARKS, "");
    film("silent.mp4", &format!("{flat} {LOSSLESS} -pix_fmt yuv420p"));
    assert_corners(&turned("silent.mp4", "silent90.mp4", 90), (480, 640), [BLUE, RED, WHITE, GREEN]);
}

#[test]
fn turned_pictures_of_ten_bits_are_turned() {
    const SIZE: (usize, usize) = (320, 180);
    let flat = still("ten.yuv", SIZE, &CODING, corners(SIZE, (80, 60)));
    film("ten.mp4", &format!("{flat} {LOSSLESS} -pix_fmt yuv420p10le"));
    let film = turned("ten.mp4", "ten90.mp4", 90);
    assert_eq!(film.info.video[0].bit_depth, 10);
    assert_corners(&film, (180, 320), [BLUE, RED, WHITE, GREEN]);
}

/// How wide and how high the bright disc in a frame is.
fn extent(shown: &Shown) -> (usize, usize) {
    let frame = shown.frame(0);
    let bright = |x: usize, y: usize| frame.luma(x, y) > 128;
    let columns = (0..shown.width).filter(|&x| (0..shown.height).any(|y| bright(x, y))).count();
    let rows = (0..shown.height).filter(|&y| (0..shown.width).any(|x| bright(x, y))).count();
    (columns, rows)
}

#[test]
fn a_circle_of_a_dvd_stays_a_circle() {
    const SIZE: (usize, usize) = (720, 576);
    const RADIUS: f64 = 200.0;
    // The aspect of a pixel as the whole picture's says it, and the size in square pixels.
    for (name, aspect, pixel, size) in
        [("full.mpg", "4:3", 16.0 / 15.0, (768, 576)), ("wide.mpg", "16:9", 64.0 / 45.0, (1024, 576))]
    {
        let disc = move |x: usize, y: usize| {
            let (dx, dy) = ((x as f64 + 0.5 - 360.0) * pixel, y as f64 + 0.5 - 288.0);
            if dx.hypot(dy) < RADIUS { WHITE } else { [0.0; 3] }
        };
        let raw = format!("{name}.yuv");
        let flat = still(&raw, SIZE, &CODING, disc).replace(MARKS, "");
        let film = film(name, &format!("{flat} -c:v mpeg2video -q:v 2 -aspect {aspect} -f vob"));
        let shown = Shown::of(&exact(&film));
        assert_eq!((shown.width, shown.height), size, "{name}");
        let form = film.plan.video[0].video().expect("video");
        assert_eq!(form.sample_aspect, (1, 1), "{name}");
        let (wide, high) = extent(&shown);
        println!("{name}: {}x{}, a disc of 400 is {wide} wide and {high} high", shown.width, shown.height);
        assert!(wide.abs_diff(400) <= 4 && high.abs_diff(400) <= 4, "{name}: {wide} by {high}");
    }
}

/// 16:11 is what a narrower reading of the same signal has: 702 of its 720 columns are the picture.
#[test]
fn a_circle_stays_one_with_the_pixels_of_a_broadcast() {
    let disc = |x: usize, y: usize| {
        let (dx, dy) = ((x as f64 + 0.5 - 360.0) * 16.0 / 11.0, y as f64 + 0.5 - 288.0);
        if dx.hypot(dy) < 200.0 { WHITE } else { [0.0; 3] }
    };
    let flat = still("sar.yuv", (720, 576), &CODING, disc);
    let film = film("sar.mkv", &format!("{flat} {LOSSLESS} -pix_fmt yuv420p -vf setsar=16/11"));
    let shown = Shown::of(&exact(&film));
    assert_eq!((shown.width, shown.height), (1046, 576));
    let (wide, high) = extent(&shown);
    assert!(wide.abs_diff(400) <= 4 && high.abs_diff(400) <= 4, "{wide} by {high}");
}

#[test]
fn odd_sizes_have_their_colours_up_to_the_edge() {
    for (name, size, across, lossless) in [
        ("odd321.mkv", (321, 181), 1, LOSSLESS),
        ("odd161.webm", (161, 91), 2, VP9),
        ("odd35.mkv", (35, 33), 1, LOSSLESS),
        ("odd17.webm", (17, 17), 2, VP9),
    ] {
        // Every pixel of the frame is of one colour, and one that no chroma of nothing has.
        let orange = [0.8, 0.45, 0.2];
        let coding = Coding { planes: Planes::Yuv(across, across), ..CODING };
        let raw = format!("{name}.yuv");
        let flat = still(&raw, size, &coding, |_, _| orange);
        let format = if across == 1 { "yuv444p" } else { "yuv420p" };
        let film = film(name, &format!("{flat} {lossless} -pix_fmt {format}"));
        let shown = Shown::of(&exact(&film));
        let expected = (size.0 / 2 * 2, size.1 / 2 * 2);
        assert_eq!((shown.width, shown.height), expected, "{name}");
        let frame = shown.frame(12);
        let middle = (frame.luma(8, 8), frame.chroma(1, 4, 4), frame.chroma(2, 4, 4));
        let (right, below) = (expected.0 - 1, expected.1 - 1);
        for (x, y) in (0..=right).map(|x| (x, below)).chain((0..=below).map(|y| (right, y))) {
            let found = (frame.luma(x, y), frame.chroma(1, x / 2, y / 2), frame.chroma(2, x / 2, y / 2));
            let off = [(found.0, middle.0), (found.1, middle.1), (found.2, middle.2)];
            let off = off.map(|(a, b)| a.abs_diff(b)).into_iter().max().unwrap_or(0);
            assert!(off <= 3, "{name} at {x}, {y}: {found:?}, not {middle:?}");
        }
        let colour = frame.colour(8, 8);
        assert!(near(colour, orange), "{name}: {colour:.2?}");
    }
}
