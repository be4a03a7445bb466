//! Colour spaces: matrices between what a picture is coded in and light, and between primaries.

/// Red, green and blue, or luma and the differences of blue and red.
pub type Triple = [f64; 3];

#[derive(Clone, Copy, Debug)]
pub struct Matrix([Triple; 3]);

impl Matrix {
    pub fn apply(&self, [a, b, c]: Triple) -> Triple {
        self.0.map(|[x, y, z]| x * a + y * b + z * c)
    }
}

/// Rec. ITU-R BT.2087 section 2, inverted: light in the primaries of BT.2020 as in those of BT.709.
pub const BT2020_TO_BT709: Matrix = Matrix([
    [1.660_491, -0.587_641_1, -0.072_849_9],
    [-0.124_550_5, 1.132_899_9, -0.008_349_4],
    [-0.018_150_8, -0.100_578_9, 1.118_729_7],
]);

/// Shares of red and blue in the luma of a colour space.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Luma {
    pub red: f64,
    pub blue: f64,
}

/// BT.2020 table 4.
pub const BT2020: Luma = Luma { red: 0.2627, blue: 0.0593 };
/// BT.709 section 3.
pub const BT709: Luma = Luma { red: 0.2126, blue: 0.0722 };

impl Luma {
    pub fn of(&self, [red, green, blue]: Triple) -> f64 {
        self.red * red + (1.0 - self.red - self.blue) * green + self.blue * blue
    }

    /// Luma of 0 to 1 and differences of −0.5 to 0.5 as values of red, green and blue.
    pub fn to_rgb(self, [luma, cb, cr]: Triple) -> Triple {
        let red = luma + 2.0 * (1.0 - self.red) * cr;
        let blue = luma + 2.0 * (1.0 - self.blue) * cb;
        let green = (luma - self.red * red - self.blue * blue) / (1.0 - self.red - self.blue);
        [red, green, blue]
    }

    /// The inverse of [`Self::to_rgb`].
    pub fn from_rgb(self, rgb: Triple) -> Triple {
        let luma = self.of(rgb);
        [luma, (rgb[2] - luma) / (2.0 * (1.0 - self.blue)), (rgb[0] - luma) / (2.0 * (1.0 - self.red))]
    }
}
