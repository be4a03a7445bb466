//! The table beside the tone map that it is made of.

use millrace::colour::{Cube, Frame, Planes, PlanesMut, ToneMap, Triple};
use millrace::media::Hdr;

use crate::chart::{Chart, Code, decoded};
use crate::ciede2000::Differences;

/// Levels of red, green and blue that are looked at.
const LEVELS: usize = 13;

/// All colours of these in one frame, a block of two by two pixels each.
fn through(cube: &Cube, colours: &[[Code; 3]]) -> Vec<Triple> {
    let plane = |plane: usize, times: usize| -> Vec<u8> {
        colours.iter().flat_map(|codes| codes[plane].to_le_bytes().repeat(times)).collect()
    };
    let count = colours.len();
    let luma = plane(0, 2).repeat(2);
    let mut out = [vec![0; 4 * count], vec![0; count], vec![0; count]];
    let [luma_out, blue_out, red_out] = &mut out;
    let frame = Frame {
        from: Planes {
            data: [&luma, &plane(1, 1), &plane(2, 1)],
            strides: [4 * count, 2 * count, 2 * count],
        },
        to: PlanesMut { data: [luma_out, blue_out, red_out], strides: [2 * count, count, count] },
        width: 2 * count,
        height: 2,
    };
    frame.map(cube);
    (0..count).map(|n| decoded([out[0][2 * n], out[1][n], out[2][n]])).collect()
}

#[test]
fn the_table_is_as_exact_as_eight_bits() {
    for (hdr, full_range, peak) in [
        (Hdr::Pq, false, None),
        (Hdr::Pq, true, None),
        (Hdr::Pq, false, Some(400.0)),
        (Hdr::Pq, false, Some(4000.0)),
        (Hdr::Pq, false, Some(10_000.0)),
        (Hdr::Hlg, false, None),
        (Hdr::Hlg, true, None),
    ] {
        let chart = Chart { hdr, full_range, width: 0, height: 0 };
        let map = ToneMap::new(hdr, peak);
        let cube = Cube::new(&map, full_range);
        let level = |n: usize| chart.brightest() * (n % LEVELS) as f64 / (LEVELS - 1) as f64;
        let grid: Vec<[Code; 3]> = (0..LEVELS.pow(3))
            .map(|n| chart.codes([level(n / LEVELS / LEVELS), level(n / LEVELS), level(n)]))
            .collect();
        let mapped = through(&cube, &grid);
        let pairs: Vec<(Triple, Triple)> =
            mapped.into_iter().zip(grid.iter().map(|codes| map.map(chart.colour(*codes)))).collect();
        let inside = |exact: &Triple| exact.iter().all(|value| (0.001..0.999).contains(value));
        let all = Differences::new(pairs.clone());
        let in_gamut = Differences::new(pairs.into_iter().filter(|(_, exact)| inside(exact)));
        println!("{hdr:?}, full range {full_range}, peak {peak:?}: {all}; in BT.709: {in_gamut}");
        for found in [all, in_gamut] {
            assert!(found.mean() <= 0.4 && found.most() <= 1.2 && found.greatest() <= 2.5, "{found}");
        }
    }
}

#[test]
fn ramps_are_exact_and_never_fall() {
    for hdr in [Hdr::Pq, Hdr::Hlg] {
        for full_range in [false, true] {
            let chart = Chart { hdr, full_range, width: 0, height: 0 };
            let map = ToneMap::new(hdr, None);
            let ramp: Vec<[Code; 3]> = (0..1024).map(|luma| [luma, 512, 512]).collect();
            let mapped = through(&Cube::new(&map, full_range), &ramp);
            assert!(mapped.is_sorted_by(|one, next| one[1] <= next[1]), "{hdr:?} {full_range}");
            let exact = ramp.iter().map(|codes| map.map(chart.colour(*codes)));
            let found = Differences::new(mapped.into_iter().zip(exact));
            println!("{hdr:?}, full range {full_range}, grey: {found}");
            assert!(found.mean() <= 0.15 && found.greatest() <= 0.5, "{hdr:?} {full_range}: {found}");
        }
    }
}
