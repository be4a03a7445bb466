use std::sync::LazyLock;

use proptest::prelude::*;

use super::space::BT2020_TO_BT709;
use super::tone::{SDR_WHITE, USUAL_PEAK};
use super::transfer::{hlg_to_scene, light_to_pq, light_to_sdr, pq_to_light};
use super::*;
use crate::media::Hdr;

const BOTH: [Hdr; 2] = [Hdr::Pq, Hdr::Hlg];

static CUBE: LazyLock<Cube> = LazyLock::new(|| Cube::new(&ToneMap::new(Hdr::Pq, None), false));

fn near(value: f64, expected: f64, tolerance: f64) {
    assert!((value - expected).abs() <= tolerance, "{value} is not {expected}");
}

#[test]
fn the_transfer_functions_meet_their_tables() {
    // Report ITU-R BT.2408 table 1 and SMPTE ST 2084: light in cd/m² and PQ.
    for (light, pq) in
        [(0.0, 0.0), (10.0, 0.2997), (100.0, 0.5081), (203.0, 0.5807), (1000.0, 0.7518), (10_000.0, 1.0)]
    {
        near(light_to_pq(light), pq, 0.0001);
        near(pq_to_light(light_to_pq(light)), light, 1e-6 * light.max(1.0));
    }
    // BT.2100 table 5; BT.2408 table 1: the white of paper is 75 % of HLG.
    for (value, scene) in [(0.0, 0.0), (0.5, 1.0 / 12.0), (0.75, 0.2650), (1.0, 1.0)] {
        near(hlg_to_scene(value), scene, 0.0002);
    }
    near(light_to_sdr(0.5), 0.749, 0.001);
}

#[test]
fn hlg_is_shown_as_a_screen_of_1000_shows_it() {
    let map = ToneMap::new(Hdr::Hlg, None);
    let shown = |value: f64| map.shown([map.linear(value); 3])[1];
    near(shown(0.75), 203.0, 0.5);
    near(shown(0.5), 50.7, 0.1);
    near(shown(1.0), 1000.0, 0.5);
    near(shown(0.0), 0.0, 1e-9);
}

#[test]
fn matrices_come_back() {
    let colour = [0.3, 0.7, 0.11];
    for luma in [BT2020, BT709] {
        let back = luma.to_rgb(luma.from_rgb(colour));
        (0..3).for_each(|n| near(back[n], colour[n], 1e-9));
        near(luma.from_rgb([0.4; 3])[1], 0.0, 1e-12);
    }
    // White is white in all primaries.
    BT2020_TO_BT709.apply([1.0; 3]).into_iter().for_each(|light| near(light, 1.0, 1e-6));
}

#[test]
fn the_curve_is_level_at_its_end_and_nothing_below_the_knee_is_touched() {
    let map = ToneMap::new(Hdr::Pq, None);
    near(map.curve(light_to_pq(USUAL_PEAK)), light_to_pq(SDR_WHITE), 1e-12);
    near(map.curve(1.0), light_to_pq(SDR_WHITE), 1e-12);
    for light in [0.0, 1.0, 20.0, 80.0] {
        near(map.curve(light_to_pq(light)), light_to_pq(light), 1e-12);
    }
    for peak in [None, Some(300.0), Some(4000.0), Some(10_000.0)] {
        let map = ToneMap::new(Hdr::Pq, peak);
        let values: Vec<f64> = (0..=1000).map(|n| map.curve(f64::from(n) / 1000.0)).collect();
        assert!(values.is_sorted(), "{peak:?}: it never falls");
        let steepest = values.windows(2).map(|pair| pair[1] - pair[0]).fold(0.0, f64::max);
        assert!(steepest <= 0.001_001, "{peak:?}: and is never steeper than one: {steepest}");
    }
    // Pictures that are no brighter than white stay as they are.
    let dim = ToneMap::new(Hdr::Pq, Some(100.0));
    near(dim.curve(light_to_pq(203.0)), light_to_pq(203.0), 1e-12);
}

/// What becomes of a grey.
fn grey(hdr: Hdr, value: f64) -> f64 {
    let [red, green, blue] = ToneMap::new(hdr, None).map([value; 3]);
    near(red, green, 1e-5);
    near(blue, green, 1e-5);
    green
}

#[test]
fn black_is_black_the_brightest_is_white_and_paper_is_just_below() {
    for hdr in BOTH {
        near(grey(hdr, 0.0), 0.0, 1e-9);
        let ramp: Vec<f64> = (0..=100).map(|n| grey(hdr, f64::from(n) / 100.0)).collect();
        assert!(ramp.is_sorted(), "{hdr:?}: {ramp:?}");
        near(ramp[100], 1.0, 1e-4);
    }
    near(grey(Hdr::Pq, light_to_pq(USUAL_PEAK)), 1.0, 1e-4);
    // Faces and walls are as bright beside white as they are in the picture.
    for light in [5.0, 26.0, 60.0, 87.0] {
        near(grey(Hdr::Pq, light_to_pq(light)), light_to_sdr(light / SDR_WHITE), 1e-4);
    }
    // The white of paper; the same scene in HLG.
    near(grey(Hdr::Pq, light_to_pq(SDR_WHITE)), 0.9035, 0.0005);
    near(grey(Hdr::Hlg, 0.75), 0.9035, 0.0005);
    // What goes beyond the peak of pictures that do not tell it is cut off.
    near(grey(Hdr::Pq, 1.0), 1.0, 1e-4);
}

#[test]
fn colours_that_the_screen_has_keep_their_hue() {
    let map = ToneMap::new(Hdr::Pq, None);
    // A red of BT.709 at 50 cd/m² of white, in the primaries of BT.2020 (BT.2087 table 2).
    let red = [0.6274, 0.0691, 0.0164].map(|share| light_to_pq(50.0 * share));
    let out = map.map(red);
    near(out[0], light_to_sdr(50.0 / SDR_WHITE), 0.01);
    assert!(out[1] < 0.12 && out[2] < 0.12, "{out:?}");
}

#[test]
fn colours_that_it_does_not_have_stay_what_they_are_called() {
    let map = ToneMap::new(Hdr::Pq, None);
    for (n, primary) in [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]].into_iter().enumerate() {
        let out = map.map(primary.map(|share| light_to_pq(100.0 * share)));
        let strongest = out.iter().copied().fold(0.0, f64::max);
        near(out[n], strongest, 1e-12);
        assert!(out.iter().all(|value| *value < 0.75 || *value == strongest), "{out:?}");
    }
}

proptest! {
    #[test]
    fn whatever_comes_in_a_colour_comes_out(
        red in -0.2f64..1.2, green in -0.2f64..1.2, blue in -0.2f64..1.2, hlg: bool, peak in 0f64..20_000.0,
    ) {
        let map = ToneMap::new(if hlg { Hdr::Hlg } else { Hdr::Pq }, Some(peak));
        let rgb = map.map([red, green, blue]);
        prop_assert!(rgb.iter().all(|value| (0.0..=1.0).contains(value)), "{rgb:?}");
    }

    #[test]
    fn halves_of_a_frame_are_the_frame(width in 1usize..20, height in 1usize..20, seed: u16) {
        let cube = &*CUBE;
        let picture = Picture::new((width, height), (3, 5), |n| (n as u16).wrapping_mul(seed) % 1024);
        let whole = picture.through(|frame| frame.map(cube));
        let halves = picture.through(|frame| frame.halves().into_iter().for_each(|half| half.map(cube)));
        prop_assert_eq!(whole, halves);
    }
}

/// Planes of ten bits with something beyond the end of each row.
struct Picture {
    planes: [Vec<u8>; 3],
    size: (usize, usize),
    /// Samples beyond each row, before and after.
    beyond: (usize, usize),
}

/// What nobody writes to.
const UNTOUCHED: u8 = 3;

impl Picture {
    fn new(size: (usize, usize), beyond: (usize, usize), code: impl Fn(usize) -> u16) -> Self {
        let planes = [0, 1, 2].map(|plane| {
            let (width, height) = Self::size_of(size, plane);
            (0..(width + beyond.0) * height).flat_map(|n| code(n + plane).to_le_bytes()).collect()
        });
        Self { planes, size, beyond }
    }

    fn of(codes: [u16; 3], size: (usize, usize)) -> Self {
        let mut picture = Self::new(size, (0, 0), |_| 0);
        for (plane, code) in picture.planes.iter_mut().zip(codes) {
            *plane = code.to_le_bytes().repeat(plane.len() / 2);
        }
        picture
    }

    fn size_of((width, height): (usize, usize), plane: usize) -> (usize, usize) {
        if plane == 0 { (width, height) } else { (width.div_ceil(2), height.div_ceil(2)) }
    }

    fn through(&self, map: impl FnOnce(Frame<'_>)) -> [Vec<u8>; 3] {
        let sizes = [0, 1, 2].map(|plane| Self::size_of(self.size, plane));
        let mut out = sizes.map(|(width, height)| vec![UNTOUCHED; (width + self.beyond.1) * height]);
        let [luma, blue, red] = &mut out;
        let (before, after) = self.beyond;
        let [a, b, c] = &self.planes;
        map(Frame {
            from: Planes { data: [a, b, c], strides: sizes.map(|(width, _)| 2 * (width + before)) },
            to: PlanesMut { data: [luma, blue, red], strides: sizes.map(|(width, _)| width + after) },
            width: self.size.0,
            height: self.size.1,
        });
        out
    }
}

/// A colour that fills a frame.
fn one(cube: &Cube, codes: [u16; 3]) -> [u8; 3] {
    Picture::of(codes, (2, 2)).through(|frame| frame.map(cube)).map(|plane| {
        assert!(plane.iter().all(|value| *value == plane[0]), "{codes:?}: {plane:?}");
        plane[0]
    })
}

#[test]
fn a_grey_stays_grey_and_is_no_darker_than_the_one_before() {
    for (hdr, full_range) in BOTH.into_iter().flat_map(|hdr| [(hdr, false), (hdr, true)]) {
        let cube = Cube::new(&ToneMap::new(hdr, None), full_range);
        let greys: Vec<[u8; 3]> = (0..1024).map(|luma| one(&cube, [luma, 512, 512])).collect();
        assert!(greys.iter().all(|grey| grey[1] == 128 && grey[2] == 128), "{hdr:?} {full_range}");
        assert!(greys.is_sorted_by(|one, next| one[0] <= next[0]), "{hdr:?} {full_range}");
        let (black, white) = if full_range { (0, 1023) } else { (64, 940) };
        assert_eq!((greys[black][0], greys[white][0]), (16, 235), "{hdr:?} {full_range}");
    }
}

#[test]
fn the_white_of_paper_is_a_light_grey() {
    let pq = &*CUBE;
    let hlg = Cube::new(&ToneMap::new(Hdr::Hlg, None), false);
    let full = Cube::new(&ToneMap::new(Hdr::Pq, None), true);
    // 203 cd/m²: 0.5807 of PQ, 0.75 of HLG; 0.9035 comes out.
    for paper in [one(pq, [573, 512, 512]), one(&hlg, [721, 512, 512]), one(&full, [594, 512, 512])] {
        assert!(matches!(paper, [213 | 214, 128, 128]), "{paper:?}");
    }
}

#[test]
fn the_same_colour_in_full_range_comes_out_the_same() {
    for hdr in BOTH {
        let map = ToneMap::new(hdr, None);
        let (narrow, full) = (Cube::new(&map, false), Cube::new(&map, true));
        for colour in [[0.5, 0.5, 0.5], [0.6, 0.4, 0.3], [0.2, 0.5, 0.4], [0.3, 0.3, 0.7]] {
            let [luma, cb, cr] = BT2020.from_rgb(colour);
            let codes = |black: f64, luma_span: f64, chroma_span: f64| {
                [black + luma_span * luma, 512.0 + chroma_span * cb, 512.0 + chroma_span * cr]
                    .map(|code| code.round() as u16)
            };
            let narrow = one(&narrow, codes(64.0, 876.0, 896.0));
            let full = one(&full, codes(0.0, 1023.0, 1023.0));
            assert!(narrow.iter().zip(full).all(|(a, b)| a.abs_diff(b) <= 1), "{narrow:?}, {full:?}");
        }
    }
}

#[test]
fn nothing_wraps_at_the_extremes() {
    let corners = [0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 511, 512, 940, 960, 1023, 1024, 32_768, u16::MAX];
    for (hdr, full_range) in BOTH.into_iter().flat_map(|hdr| [(hdr, false), (hdr, true)]) {
        let map = ToneMap::new(hdr, None);
        let cube = Cube::new(&map, full_range);
        let (black, luma_span, chroma_span) =
            if full_range { (0.0, 1023.0, 1023.0) } else { (64.0, 876.0, 896.0) };
        for n in 0..corners.len().pow(3) {
            let codes = [n, n / corners.len(), n / corners.len().pow(2)].map(|n| corners[n % corners.len()]);
            let [luma, cb, cr] = codes.map(|code| f64::from(code % 1024));
            let ycc = [(luma - black) / luma_span, (cb - 512.0) / chroma_span, (cr - 512.0) / chroma_span];
            let exact = BT709.from_rgb(map.map(BT2020.to_rgb(ycc).map(|value| value.clamp(0.0, 1.0))));
            let found = one(&cube, codes);
            for (exact, found) in
                [16.0 + 219.0 * exact[0], 128.0 + 224.0 * exact[1], 128.0 + 224.0 * exact[2]]
                    .iter()
                    .zip(found)
            {
                assert!(
                    (exact - f64::from(found)).abs() <= 10.0,
                    "{hdr:?} {full_range} {codes:?}: {found}, {exact}"
                );
            }
        }
    }
}

#[test]
fn every_size_is_mapped_to_its_edges_and_not_beyond() {
    let cube = &*CUBE;
    let colour = one(cube, [500, 480, 530]);
    for size in [(638, 4), (426, 6), (5, 3), (1, 1), (2, 1), (1, 2), (4, 7), (7, 2)] {
        let mut picture = Picture::of([500, 480, 530], size);
        assert_eq!(
            picture.through(|frame| frame.map(cube)),
            [0, 1, 2].map(|plane| {
                let (width, height) = Picture::size_of(size, plane);
                vec![colour[plane]; width * height]
            }),
            "{size:?}"
        );
        picture.beyond.1 = 6;
        for (plane, rows) in picture.through(|frame| frame.map(cube)).iter().enumerate() {
            let (width, _) = Picture::size_of(size, plane);
            for row in rows.chunks(width + 6) {
                assert!(row[..width].iter().all(|value| *value == colour[plane]), "{size:?}");
                assert!(row[width..].iter().all(|value| *value == UNTOUCHED), "{size:?}");
            }
        }
    }
}

#[test]
fn planes_that_are_too_short_do_no_harm() {
    let cube = &*CUBE;
    let mut out = [vec![0; 3], vec![0; 1], vec![]];
    let [luma, blue, red] = &mut out;
    let frame = Frame {
        from: Planes { data: [&[1, 2, 3], &[], &[0; 9]], strides: [16, 8, 8] },
        to: PlanesMut { data: [luma, blue, red], strides: [8, 4, 4] },
        width: 8,
        height: 8,
    };
    frame.halves().into_iter().for_each(|half| half.map(cube));
    let nothing = Frame {
        from: Planes { data: [&[]; 3], strides: [0; 3] },
        to: PlanesMut { data: [&mut [], &mut [], &mut []], strides: [0; 3] },
        width: 0,
        height: 0,
    };
    nothing.map(cube);
}
