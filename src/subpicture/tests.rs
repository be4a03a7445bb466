use proptest::prelude::*;

use super::samples::{self, composition, end, nothing, object, palette, rectangle, vobsub, white};
use super::*;
use crate::timeline::{NANOS_PER_SECOND as SECOND, Nanos};

const HD: (u16, u16) = (1920, 1080);
const BT709: Colours = Colours { matrix: Matrix::Bt709, full_range: false };

fn packet(start_ns: Nanos, data: Vec<u8>) -> Packet {
    Packet { start_ns, end_ns: start_ns + 5 * SECOND, data }
}

fn pgs(packets: impl IntoIterator<Item = (Nanos, Vec<u8>)>) -> Track {
    let mut track = Track::new(&Format::Pgs);
    track.push(packets.into_iter().map(|(at, data)| packet(at, data)));
    track
}

fn dvd(packets: impl IntoIterator<Item = (Nanos, Vec<u8>)>) -> Track {
    let colours = "000000, ".repeat(15) + "ff0000";
    let header = format!("# VobSub index file, v7\nsize: 720x480\npalette: {colours}\n").into_bytes();
    let mut track = Track::new(&Format::VobSub { header, canvas: (720, 576) });
    track.push(packets.into_iter().map(|(at, data)| packet(at, data)));
    track
}

fn shown(track: &mut Track, at_ns: Nanos) -> Option<Picture> {
    track.key(at_ns).and_then(|key| track.picture(key))
}

fn square(frame: (u32, u32)) -> Film {
    Film { frame, coded: frame, sample_aspect: (1, 1) }
}

/// A grey frame of I420 with the picture in it.
fn drawn(picture: &Picture, film: Film) -> [Vec<u8>; 3] {
    let overlay = Overlay::new(picture, &film, BT709);
    let (width, height) = (film.frame.0 as usize, film.frame.1 as usize);
    let planes = [(width, height, 0), (width / 2, height / 2, 1), (width / 2, height / 2, 1)];
    let mut component = 0;
    planes.map(|(width, height, shared)| {
        let mut bytes = vec![100; width * height];
        let mut samples =
            Samples { bytes: &mut bytes, stride: width, step: 1, component, shared: (shared, shared) };
        overlay.blend(&mut samples);
        component += 1;
        bytes
    })
}

/// Left, top, right and bottom of the luma that is bright.
fn bright(luma: &[u8], width: usize) -> Option<[usize; 4]> {
    let lit = || luma.iter().enumerate().filter(|(_, value)| **value > 180).map(|(at, _)| at);
    let (columns, rows) = (|| lit().map(|at| at % width), || lit().map(|at| at / width));
    Some([columns().min()?, rows().min()?, columns().max()? + 1, rows().max()? + 1])
}

#[test]
fn a_display_set_is_shown_from_its_time_to_the_next() {
    let mut track = pgs([(SECOND, white(HD, (100, 900), (400, 50))), (3 * SECOND, nothing(HD))]);
    assert_eq!(shown(&mut track, SECOND - 1), None);
    let picture = shown(&mut track, SECOND).expect("it is shown");
    assert_eq!((picture.canvas, picture.bitmaps.len()), ((1920, 1080), 1));
    assert_eq!(picture.palette[1], [255, 255, 255, 255]);
    assert!(picture.bitmaps[0].indices.iter().all(|index| *index == 1));
    assert_eq!(track.key(2 * SECOND), track.key(3 * SECOND - 1));
    assert_eq!(shown(&mut track, 3 * SECOND), None);
}

#[test]
fn what_is_told_in_one_set_is_used_in_the_next_of_its_epoch_and_not_behind_it() {
    let moved = [composition(HD, 0, &[(0, 500, 500)]), end()].concat();
    let fresh = [composition(HD, 0x80, &[(0, 500, 500)]), end()].concat();
    let first = white(HD, (100, 900), (40, 50));
    let mut track = pgs([(0, first), (SECOND, moved), (2 * SECOND, fresh)]);
    assert_eq!(shown(&mut track, 0).map(|picture| picture.bitmaps[0].x), Some(100));
    assert_eq!(shown(&mut track, SECOND).map(|picture| picture.bitmaps[0].x), Some(500));
    assert_eq!(shown(&mut track, 2 * SECOND), None);
}

#[test]
fn an_object_comes_in_pieces_and_a_palette_fades() {
    let coded = rectangle(400, 50, 1);
    let whole = object(7, 400, 50, &coded[..100]);
    let rest = [&[0x15][..], &(4 + coded.len() as u16 - 100).to_be_bytes(), &[0, 7, 0, 0x40], &coded[100..]];
    let set = [composition(HD, 0x80, &[(7, 0, 0)]), palette(&[samples::WHITE]), whole, rest.concat(), end()];
    let fade = [composition(HD, 0, &[(7, 0, 0)]), palette(&[[1, 235, 128, 128, 51]]), end()];
    let mut track = pgs([(0, set.concat()), (SECOND, fade.concat())]);
    let opacity = |picture: Option<Picture>| {
        let picture = picture.expect("it is shown");
        assert!(picture.bitmaps[0].indices.iter().all(|index| *index == 1));
        picture.palette[1][3]
    };
    assert_eq!(opacity(shown(&mut track, 0)), 255);
    assert_eq!(opacity(shown(&mut track, SECOND)), 51);
}

#[test]
fn a_part_of_an_object_is_shown_where_it_is_cropped() {
    let coded = [rectangle(10, 4, 1), rectangle(10, 4, 2)].concat();
    let mut body = [1920u16.to_be_bytes(), 1080u16.to_be_bytes()].concat();
    body.extend([0x10, 0, 1, 0x80, 0, 0, 1, 0, 0, 0, 0x80, 0, 50, 0, 60]);
    body.extend([3u16, 2, 4, 100].map(u16::to_be_bytes).concat());
    let composed = [&[0x16][..], &(body.len() as u16).to_be_bytes(), &body].concat();
    let set = [composed, palette(&[samples::WHITE]), object(0, 10, 8, &coded), end()].concat();
    let picture = shown(&mut pgs([(0, set)]), 0).expect("it is shown");
    let bitmap = &picture.bitmaps[0];
    assert_eq!((bitmap.x, bitmap.y, bitmap.width, bitmap.height), (50, 60, 4, 6));
    assert_eq!(bitmap.indices, [[1; 8].as_slice(), &[2; 16]].concat());
}

#[test]
fn a_picture_of_dvd_is_shown_from_command_to_command_in_the_colours_of_the_index() {
    // 88 ticks are a second and a thousandth.
    let mut track = dvd([(SECOND, vobsub((100, 400), (300, 41), 88, 176))]);
    assert_eq!(shown(&mut track, SECOND), None);
    let picture = shown(&mut track, 2 * SECOND + SECOND / 100).expect("it is shown");
    assert_eq!(picture.canvas, (720, 480));
    let bitmap = &picture.bitmaps[0];
    assert_eq!((bitmap.x, bitmap.y, bitmap.width, bitmap.height), (100, 400, 300, 41));
    assert!(bitmap.indices.iter().all(|index| *index == 3), "both fields are there");
    assert_eq!(picture.palette[3], [255, 0, 0, 255]);
    assert_eq!(shown(&mut track, 3 * SECOND + SECOND / 100), None);
}

#[test]
fn the_picture_lies_where_it_lay_at_every_size() {
    let picture = shown(&mut pgs([(0, white(HD, (960, 540), (480, 270)))]), 0).expect("it is shown");
    for (frame, expected) in [
        ((1920, 1080), [960, 540, 1440, 810]),
        ((1280, 720), [640, 360, 960, 540]),
        ((640, 360), [320, 180, 480, 270]),
        ((3840, 2160), [1920, 1080, 2880, 1620]),
        // Bars cut off above and below, and at the sides.
        ((1920, 800), [960, 400, 1440, 670]),
        ((960, 720), [480, 360, 800, 540]),
    ] {
        let [luma, blue, red] = drawn(&picture, square(frame));
        assert_eq!(bright(&luma, frame.0 as usize), Some(expected), "{frame:?}");
        let inside = (expected[1] + 10) / 2 * frame.0 as usize / 2 + (expected[0] + 10) / 2;
        assert_eq!((blue[inside], red[inside]), (128, 128));
        let lines = (expected[1] + 10) * frame.0 as usize + expected[0] + 10;
        assert_eq!((luma[lines], luma[0], blue[0]), (235, 100, 100));
    }
}

#[test]
fn two_lines_in_a_bar_that_was_cut_off_move_into_the_picture_together() {
    let drawn_at = |places: &[(u16, u16, u16)]| {
        let object = object(0, 400, 40, &rectangle(400, 40, 1));
        let set = [composition(HD, 0x80, places), palette(&[samples::WHITE]), object, end()].concat();
        let picture = shown(&mut pgs([(0, set)]), 0).expect("it is shown");
        let [luma, ..] = drawn(&picture, square((1920, 800)));
        bright(&luma, 1920)
    };
    assert_eq!(drawn_at(&[(0, 700, 960), (0, 700, 1010)]), Some([700, 710, 1100, 800]));
    assert_eq!(drawn_at(&[(0, 700, 20)]), Some([700, 0, 1100, 40]));
}

#[test]
fn pixels_of_dvd_are_as_wide_as_the_picture_is() {
    let picture = shown(&mut dvd([(0, vobsub((360, 240), (180, 120), 0, 500))]), 0).expect("it is shown");
    let wide = Film { frame: (854, 480), coded: (720, 480), sample_aspect: (32, 27) };
    let overlay = |film| {
        let mut picture = picture.clone();
        picture.palette[3] = [255; 4];
        let [luma, ..] = drawn(&picture, film);
        bright(&luma, film.frame.0 as usize)
    };
    assert_eq!(overlay(wide), Some([427, 240, 641, 360]));
    let narrow = Film { frame: (640, 480), coded: (720, 480), sample_aspect: (8, 9) };
    assert_eq!(overlay(narrow), Some([320, 240, 480, 360]));
}

#[test]
fn half_of_an_opacity_is_half_of_the_colour() {
    let mut picture = shown(&mut pgs([(0, white(HD, (0, 0), (1920, 1080)))]), 0).expect("it is shown");
    picture.palette[1][3] = 128;
    let [luma, blue, _] = drawn(&picture, square((640, 360)));
    assert!(luma.iter().all(|value| value.abs_diff(168) <= 1), "{}", luma[0]);
    assert!(blue.iter().all(|value| value.abs_diff(114) <= 1), "{}", blue[0]);
}

#[test]
fn who_begins_to_read_twice_the_memory_before_sees_what_everybody_sees() {
    let sets = || {
        (0..400).map(|second| {
            let at = second * SECOND;
            // Objects are told every 50 s, and placed every 7 s.
            let data = match second {
                _ if second % 50 == 0 => white(HD, (second as u16, 0), (64, 64)),
                _ if second % 7 == 0 => [composition(HD, 0, &[(0, 0, second as u16)]), end()].concat(),
                _ => Vec::new(),
            };
            (at, data)
        })
    };
    let mut early = pgs(sets());
    for second in 0..400 {
        let at = second * SECOND + SECOND / 2;
        let from = at - 2 * MEMORY_NS;
        let mut late = pgs(sets().filter(|(time, _)| *time >= from));
        assert_eq!(shown(&mut early, at), shown(&mut late, at), "at {second} s");
    }
    // Nothing ends it: it is taken off when it is forgotten.
    let mut track = pgs([(0, white(HD, (0, 0), (64, 64)))]);
    assert!(shown(&mut track, MEMORY_NS - 1).is_some() && shown(&mut track, MEMORY_NS).is_none());
}

#[test]
fn damage_shows_nothing_or_a_part_and_breaks_nothing() {
    let white_set = white(HD, (100, 100), (64, 64));
    for length in 0..white_set.len() {
        let mut track = pgs([(0, white_set[..length].to_vec()), (SECOND, nothing(HD))]);
        let _part = shown(&mut track, 0);
        assert_eq!(shown(&mut track, SECOND), None, "cut at {length}");
    }
    let large = [composition((64, 64), 0x80, &[(0, 0, 0)]), object(0, 65_535, 65_535, &[1, 2, 3]), end()];
    let picture = shown(&mut pgs([(0, large.concat())]), 0).expect("a set without a picture");
    assert_eq!(picture.bitmaps, []);
    let canvas = white((65_535, 65_535), (0, 0), (8, 8));
    assert_eq!(shown(&mut pgs([(0, canvas)]), 0), None);
    // Runs beyond the line, and no palette.
    let long = [0, 0xff, 0xff, 9, 0, 0, 0xff, 7];
    let set = [composition(HD, 0x80, &[(0, 0, 0)]), object(0, 8, 4, &long), end()].concat();
    let picture = shown(&mut pgs([(0, set)]), 0).expect("it is shown");
    assert_eq!(picture.bitmaps[0].indices[..8], [9; 8]);
    assert_eq!(bright(&drawn(&picture, square((640, 360)))[0], 640), None);
    let dvd_packet = vobsub((0, 0), (700, 400), 0, 500);
    for length in 0..dvd_packet.len() {
        let _part = shown(&mut dvd([(0, dvd_packet[..length].to_vec())]), 0);
    }
    assert_eq!(
        shown(&mut dvd([(0, vobsub((0, 0), (2000, 400), 0, 500))]), 0).map(|p| p.bitmaps),
        Some(vec![])
    );
}

#[test]
fn ten_thousand_packets_cost_no_more_than_what_is_shown() {
    let mut track = pgs((0..10_000).map(|n| (n, white(HD, (0, 0), (64, 64)))));
    assert!(shown(&mut track, SECOND).is_some());
    let objects: Vec<u8> = (0..10_000).flat_map(|n| object(n, 64, 64, &rectangle(64, 64, 1))).collect();
    let mut track = pgs([(0, [composition(HD, 0x80, &[(9_999, 0, 0)]), objects, end()].concat())]);
    assert_eq!(shown(&mut track, 0), None, "the memory was full before it came");
}

proptest! {
    #[test]
    fn whatever_a_packet_holds_the_frame_stays_a_frame(
        noise in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..40),
        of_dvd in any::<bool>(),
        frame in (1u32..200, 1u32..200),
    ) {
        let canvas = (300, 200);
        let mut data = if of_dvd {
            vobsub((10, 20), (200, 90), 0, 500)
        } else {
            white(canvas, (10, 20), (200, 90))
        };
        for (at, byte) in noise {
            let at = at.index(data.len());
            data[at] = byte;
        }
        let mut track = if of_dvd { dvd([(0, data)]) } else { pgs([(0, data)]) };
        if let Some(picture) = shown(&mut track, 0) {
            let frame = (frame.0 * 2, frame.1 * 2);
            let planes = drawn(&picture, square(frame));
            prop_assert_eq!(planes[0].len(), (frame.0 * frame.1) as usize);
        }
    }
}
