//! Colours between the palettes of subtitles and the samples of frames.

/// Luma coefficients (ITU-T H.273 table 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Matrix {
    Bt601,
    Bt709,
    Bt2020,
}

/// How samples of 8 bits say colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Colours {
    pub matrix: Matrix,
    pub full_range: bool,
}

impl Matrix {
    /// Shares of red and blue.
    fn shares(self) -> (f32, f32) {
        match self {
            Self::Bt601 => (0.299, 0.114),
            Self::Bt709 => (0.2126, 0.0722),
            Self::Bt2020 => (0.2627, 0.0593),
        }
    }
}

impl Colours {
    /// Black of luma, and the ranges of luma and of chroma.
    fn range(self) -> (f32, f32, f32) {
        if self.full_range { (0.0, 255.0, 255.0) } else { (16.0, 219.0, 224.0) }
    }

    /// Y, Cb and Cr of red, green and blue.
    pub fn from_rgb(self, [red, green, blue]: [u8; 3]) -> [u8; 3] {
        let (black, luma, chroma) = self.range();
        let (kr, kb) = self.matrix.shares();
        let [r, g, b] = [red, green, blue].map(|value| f32::from(value) / 255.0);
        let y = kr * r + (1.0 - kr - kb) * g + kb * b;
        let (cb, cr) = ((b - y) / (2.0 * (1.0 - kb)), (r - y) / (2.0 * (1.0 - kr)));
        [black + y * luma, 128.0 + cb * chroma, 128.0 + cr * chroma].map(sample)
    }

    /// Red, green and blue of Y, Cb and Cr.
    pub fn to_rgb(self, [y, cb, cr]: [u8; 3]) -> [u8; 3] {
        let (black, luma, chroma) = self.range();
        let (kr, kb) = self.matrix.shares();
        let y = (f32::from(y) - black) / luma;
        let (cb, cr) = ((f32::from(cb) - 128.0) / chroma, (f32::from(cr) - 128.0) / chroma);
        let (r, b) = (y + 2.0 * (1.0 - kr) * cr, y + 2.0 * (1.0 - kb) * cb);
        let g = (y - kr * r - kb * b) / (1.0 - kr - kb);
        [r, g, b].map(|value| sample(value * 255.0))
    }
}

fn sample(value: f32) -> u8 {
    value.round().clamp(0.0, 255.0) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_primaries_have_their_usual_samples() {
        let limited = |matrix| Colours { matrix, full_range: false };
        assert_eq!(limited(Matrix::Bt709).from_rgb([255, 0, 0]), [63, 102, 240]);
        assert_eq!(limited(Matrix::Bt601).from_rgb([255, 0, 0]), [81, 90, 240]);
        assert_eq!(limited(Matrix::Bt709).from_rgb([255, 255, 255]), [235, 128, 128]);
        assert_eq!(limited(Matrix::Bt2020).from_rgb([0, 0, 0]), [16, 128, 128]);
    }

    #[test]
    fn there_and_back_is_the_same_colour() {
        for matrix in [Matrix::Bt601, Matrix::Bt709, Matrix::Bt2020] {
            for full_range in [false, true] {
                let colours = Colours { matrix, full_range };
                for rgb in [[250, 10, 40], [3, 200, 90], [128, 128, 128], [0, 0, 255]] {
                    let back = colours.to_rgb(colours.from_rgb(rgb));
                    let near = rgb.iter().zip(back).all(|(a, b)| a.abs_diff(b) <= 3);
                    assert!(near, "{colours:?}: {rgb:?} and {back:?}");
                }
            }
        }
    }
}
