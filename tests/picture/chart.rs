//! A picture with known colours, in every way that pictures are coded.

use millrace::colour::{Luma, Triple};

use crate::ciede2000::Differences;
use crate::made::Frame;

pub const WIDTH: usize = 320;
pub const HEIGHT: usize = 180;
/// Patches are so large, and whole pixels of every chroma lie in them.
const PATCH: (usize, usize) = (40, 36);

/// The planes of a coded picture.
#[derive(Clone, Copy, Debug)]
pub enum Planes {
    /// How many pixels across and down share a pair of differences.
    Yuv(usize, usize),
    Grey,
    /// Green, blue and red.
    Rgb,
}

#[derive(Clone, Copy, Debug)]
pub struct Coding {
    pub planes: Planes,
    pub luma: Luma,
    pub full_range: bool,
    pub bits: u32,
}

impl Coding {
    fn code(&self, value: f64, plane: usize) -> u16 {
        let top = f64::from((1u32 << self.bits) - 1);
        let unit = f64::from(1u32 << (self.bits - 8));
        let colour = matches!(self.planes, Planes::Yuv(..)) && plane > 0;
        let code = match (colour, self.full_range) {
            (false, true) => top * value,
            (true, true) => 128.0 * unit + top * value,
            (false, false) => unit * (16.0 + 219.0 * value),
            (true, false) => unit * (128.0 + 224.0 * value),
        };
        code.round().clamp(0.0, top) as u16
    }

    fn values(&self, rgb: Triple) -> Triple {
        match self.planes {
            Planes::Rgb => [rgb[1], rgb[2], rgb[0]],
            _ => self.luma.from_rgb(rgb),
        }
    }

    /// A frame of this picture, plane after plane; what shares differences has those of its first pixel.
    pub fn frame(
        &self,
        (width, height): (usize, usize),
        picture: impl Fn(usize, usize) -> Triple,
    ) -> Vec<u8> {
        let mut bytes = Vec::new();
        for plane in 0..3 {
            let (across, down) = match self.planes {
                Planes::Yuv(across, down) if plane > 0 => (across, down),
                Planes::Grey if plane > 0 => break,
                _ => (1, 1),
            };
            for y in (0..height).step_by(down) {
                for x in (0..width).step_by(across) {
                    let code = self.code(self.values(picture(x, y))[plane], plane);
                    match self.bits {
                        8 => bytes.push(code as u8),
                        _ => bytes.extend(code.to_le_bytes()),
                    }
                }
            }
        }
        bytes
    }
}

/// Greys above, colours of all kinds below.
pub fn patches(x: usize, y: usize) -> Triple {
    let (column, row) = ((x / PATCH.0).min(WIDTH / PATCH.0 - 1), (y / PATCH.1).min(HEIGHT / PATCH.1 - 1));
    if row == 0 {
        return [column as f64 / 7.0; 3];
    }
    let n = (row - 1) * 8 + column;
    let level = |n: usize| (n % 4) as f64 / 3.0;
    [level(n), level(n / 4), (n / 16) as f64 * 0.6 + 0.2]
}

/// How far the patches of a frame are from what they were, or from what was to become of them.
pub fn differences(frame: Frame<'_>, meant: impl Fn(Triple) -> Triple) -> Differences {
    let middles = (0..HEIGHT / PATCH.1).flat_map(|row| {
        (0..WIDTH / PATCH.0).map(move |column| (column * PATCH.0 + PATCH.0 / 2, row * PATCH.1 + PATCH.1 / 2))
    });
    Differences::new(middles.map(|(x, y)| (frame.colour(x, y), meant(patches(x, y)))))
}
