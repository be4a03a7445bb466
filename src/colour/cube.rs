//! A tone map as a table over red, green and blue, as they are coded, with the luma and differences that come out.
//!
//! Between the points of the table a colour is interpolated in the tetrahedron that it lies in. Those are cut along the
//! planes on which two of the three are equal, and so is what a [`ToneMap`] does: a grey is made of greys alone.

use super::space::{BT709, BT2020, Triple};
use super::tone::ToneMap;

/// Points along each of red, green and blue. With 33 the table differs from the map by less than eight bits do, and its
/// 290 kB are at home in a core's own cache.
const POINTS: usize = 33;
/// Steps from point to point.
const STEPS: u32 = 256;
/// The last point of an axis.
const END: i32 = (POINTS as i32 - 1) * STEPS as i32;
/// Values of ten bits.
const CODES: usize = 1024;

/// Entries from a point to the next one in red, green and blue.
const NEXT: [u32; 3] = [(POINTS * POINTS) as u32, POINTS as u32, 1];
/// And to the next one in all three.
const ACROSS: usize = POINTS * POINTS + POINTS + 1;

/// A colour that comes out: luma, red difference and blue difference in fields of one number, so that one multiplication
/// weighs all three.
///
/// In the table luma is in 32nds of an eight-bit value and the differences are in eighths. Each field has room for
/// [`STEPS`] times that, the sum of the weights, and those of the differences for four such colours.
#[derive(Clone, Copy, Debug, Default)]
pub struct Packed(u64);

const LUMA_PARTS: u32 = 5;
const CHROMA_PARTS: u32 = 3;
const STEPS_PARTS: u32 = STEPS.ilog2();
const RED_AT: u32 = 21;
const LUMA_AT: u32 = 43;

impl Packed {
    fn new([luma, cb, cr]: Triple) -> Self {
        let fixed = |value: f64, low: f64, high: f64, parts: u32| {
            (value.clamp(low, high) * f64::from(1 << parts)).round() as u64
        };
        let luma = fixed(16.0 + 219.0 * luma, 16.0, 235.0, LUMA_PARTS);
        let [cb, cr] = [cb, cr].map(|value| fixed(128.0 + 224.0 * value, 16.0, 240.0, CHROMA_PARTS));
        Self(luma << LUMA_AT | cr << RED_AT | cb)
    }

    pub fn luma(self) -> u8 {
        rounded((self.0 >> LUMA_AT) as u32, LUMA_PARTS + STEPS_PARTS)
    }

    /// The mean differences of four colours: blue, red.
    pub fn differences(four: [Self; 4]) -> [u8; 2] {
        // Luma stands highest: nothing is lost but what is left of its sum.
        let sum = four.into_iter().fold(0u64, |sum, colour| sum.wrapping_add(colour.0));
        let field = |from: u32, to: u32| ((sum >> from) & ((1 << (to - from)) - 1)) as u32;
        [field(0, RED_AT), field(RED_AT, LUMA_AT)].map(|sum| rounded(sum, CHROMA_PARTS + STEPS_PARTS + 2))
    }
}

fn rounded(value: u32, parts: u32) -> u8 {
    ((value + (1 << (parts - 1))) >> parts) as u8
}

pub struct Cube {
    /// Red by red, in that green by green, in that blue by blue.
    colours: Vec<Packed>,
    /// By code value, what it adds to the place along each axis.
    luma: [i32; CODES],
    /// To green and blue.
    blue_difference: [[i32; 2]; CODES],
    /// To red and green.
    red_difference: [[i32; 2]; CODES],
}

/// What a pair of differences adds to the places along red, green and blue.
#[derive(Clone, Copy, Debug)]
pub struct Tint([i32; 3]);

impl Cube {
    /// `full_range`: what comes in. What comes out has the narrow range of video.
    pub fn new(map: &ToneMap, full_range: bool) -> Self {
        let linear: Vec<f64> =
            (0..POINTS).map(|point| map.linear(point as f64 / (POINTS - 1) as f64)).collect();
        let mut colours = Vec::with_capacity(POINTS.pow(3) + ACROSS);
        for &red in &linear {
            for &green in &linear {
                for &blue in &linear {
                    colours.push(Packed::new(BT709.from_rgb(map.map_linear([red, green, blue]))));
                }
            }
        }
        // What is on the last point of an axis reads behind it too, with a weight of zero.
        colours.resize(POINTS.pow(3) + ACROSS, Packed::default());
        let (black, luma_span, chroma_span) =
            if full_range { (0.0, 1023.0, 1023.0) } else { (64.0, 876.0, 896.0) };
        let place = |value: f64| (value * f64::from(END)).round() as i32;
        let [_, green_of_blue, blue] = BT2020.to_rgb([0.0, 1.0, 0.0]);
        let [red, green_of_red, _] = BT2020.to_rgb([0.0, 0.0, 1.0]);
        let difference = |code: usize| (code as f64 - 512.0) / chroma_span;
        let places = |shares: [f64; 2]| {
            std::array::from_fn(|code| shares.map(|share| place(share * difference(code))))
        };
        Self {
            colours,
            luma: std::array::from_fn(|code| place((code as f64 - black) / luma_span)),
            blue_difference: places([green_of_blue, blue]),
            red_difference: places([red, green_of_red]),
        }
    }

    #[inline(always)]
    pub fn tint(&self, cb: u16, cr: u16) -> Tint {
        let [green_of_blue, blue] = self.blue_difference[code(cb)];
        let [red, green_of_red] = self.red_difference[code(cr)];
        Tint([red, green_of_red + green_of_blue, blue])
    }

    /// What becomes of a luma of this tint.
    #[inline(always)]
    pub fn colour(&self, luma: u16, Tint(tint): Tint) -> Packed {
        let luma = self.luma[code(luma)];
        let [red, green, blue] = tint.map(|tint| (luma + tint).clamp(0, END) as u32);
        // The point's entry, and how far beyond it on the way to the next one, with the way to that: sorted together.
        let split = |place: u32, next: u32| (place / STEPS * next, (place % STEPS) << 16 | next);
        let (at_red, red) = split(red, NEXT[0]);
        let (at_green, green) = split(green, NEXT[1]);
        let (at_blue, blue) = split(blue, NEXT[2]);
        let first = at_red + at_green + at_blue;
        let (longest, shortest) = (red.max(green).max(blue), red.min(green).min(blue));
        let middle = red + green + blue - longest - shortest;
        let next = |way: u32| (way & 0xffff) as usize;
        let part = |way: u32| u64::from(way >> 16);
        // From corner to corner of the cell, the longest way first.
        let first = first as usize;
        let second = first + next(longest);
        let third = second + next(middle);
        let last = first + ACROSS;
        let at = |corner: usize, weight: u64| self.colours[corner].0 * weight;
        Packed(
            at(first, u64::from(STEPS) - part(longest))
                + at(second, part(longest) - part(middle))
                + at(third, part(middle) - part(shortest))
                + at(last, part(shortest)),
        )
    }
}

/// What is above ten bits is no part of the value.
fn code(value: u16) -> usize {
    usize::from(value) % CODES
}
