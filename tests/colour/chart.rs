//! A picture to measure: a ramp of grey above, patches of colours below.

use millrace::colour::{BT709, BT2020, ToneMap, Triple};
use millrace::media::Hdr;

use crate::ciede2000::Differences;

/// Patches are squares of so many pixels.
pub const PATCH: usize = 16;
/// Along each of red, green and blue, the colours of the patches.
const LEVELS: usize = 8;

/// One of ten bits.
pub type Code = u16;

#[derive(Clone, Copy, Debug)]
pub struct Chart {
    pub hdr: Hdr,
    pub full_range: bool,
    pub width: usize,
    pub height: usize,
}

impl Chart {
    /// Luma and the differences of blue and red, of a colour in BT.2020.
    pub fn codes(&self, rgb: Triple) -> [Code; 3] {
        let [luma, cb, cr] = BT2020.from_rgb(rgb);
        let (black, luma_span, chroma_span) = self.range();
        [black + luma_span * luma, 512.0 + chroma_span * cb, 512.0 + chroma_span * cr]
            .map(|code| code.round().clamp(0.0, 1023.0) as Code)
    }

    /// The colour that codes say, which is no more exact than they are.
    pub fn colour(&self, [luma, cb, cr]: [Code; 3]) -> Triple {
        let (black, luma_span, chroma_span) = self.range();
        let [cb, cr] = [cb, cr].map(|code| (f64::from(code) - 512.0) / chroma_span);
        BT2020.to_rgb([(f64::from(luma) - black) / luma_span, cb, cr]).map(|value| value.clamp(0.0, 1.0))
    }

    fn range(&self) -> (f64, f64, f64) {
        if self.full_range { (0.0, 1023.0, 1023.0) } else { (64.0, 876.0, 896.0) }
    }

    /// The brightest value in it: of PQ, that of 1000 cd/m².
    pub fn brightest(&self) -> f64 {
        if self.hdr == Hdr::Pq { 0.7518 } else { 1.0 }
    }

    /// Rows of the ramp.
    pub fn ramp_rows(&self) -> usize {
        (self.height / 3).next_multiple_of(PATCH)
    }

    /// What is at a pixel.
    pub fn at(&self, x: usize, y: usize) -> [Code; 3] {
        if y < self.ramp_rows() {
            return self.codes([self.brightest() * x as f64 / (self.width - 1) as f64; 3]);
        }
        let (columns, rows) = self.patches();
        let (column, row) = ((x / PATCH).min(columns - 1), ((y - self.ramp_rows()) / PATCH).min(rows - 1));
        let n = (row * columns + column) * LEVELS.pow(3) / (columns * rows);
        let level = |n: usize| self.brightest() * (n % LEVELS) as f64 / (LEVELS - 1) as f64;
        self.codes([level(n / LEVELS / LEVELS), level(n / LEVELS), level(n)])
    }

    /// Columns and rows of whole patches.
    pub fn patches(&self) -> (usize, usize) {
        (self.width / PATCH, (self.height - self.ramp_rows()) / PATCH)
    }

    /// A frame of it, plane after plane, in I420 of ten bits.
    pub fn frame(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for plane in 0..3 {
            let step = if plane == 0 { 1 } else { 2 };
            for y in (0..self.height).step_by(step) {
                for x in (0..self.width).step_by(step) {
                    bytes.extend(self.at(x, y)[plane].to_le_bytes());
                }
            }
        }
        bytes
    }

    /// The ramp of a mapped frame (I420 of eight bits) beside the tone map, and the patches.
    pub fn differences(&self, map: &ToneMap, frame: &[u8]) -> (Differences, Differences) {
        let middle = self.ramp_rows() / 2;
        let ramp = (0..self.width).map(|x| (x, middle));
        let (columns, rows) = self.patches();
        let patches = (0..columns * rows)
            .map(|n| (n % columns * PATCH + PATCH / 2, self.ramp_rows() + n / columns * PATCH + PATCH / 2));
        let pair = |(x, y): (usize, usize)| (self.shown(frame, x, y), map.map(self.colour(self.at(x, y))));
        (Differences::new(ramp.map(pair)), Differences::new(patches.map(pair)))
    }

    /// A pixel of a mapped frame as values of BT.709.
    fn shown(&self, frame: &[u8], x: usize, y: usize) -> Triple {
        let (half_width, half_height) = (self.width.div_ceil(2), self.height.div_ceil(2));
        let chroma = self.width * self.height + y / 2 * half_width + x / 2;
        decoded([frame[y * self.width + x], frame[chroma], frame[chroma + half_width * half_height]])
    }
}

/// Luma and differences of eight bits in narrow range as values of BT.709.
pub fn decoded([luma, cb, cr]: [u8; 3]) -> Triple {
    let [cb, cr] = [cb, cr].map(|code| (f64::from(code) - 128.0) / 224.0);
    BT709.to_rgb([(f64::from(luma) - 16.0) / 219.0, cb, cr])
}
