//! Whole frames through a [`Cube`].
//!
//! Each luma sample is mapped with the differences of its block of two by two, and the differences that come out are the
//! mean of the block's: what a map leaves alone comes out as it went in, wherever the samples of colour are sited.
//!
//! Eight bits are rounded, not dithered: docs/design/0014-tone-mapping.md says why.

use super::cube::{Cube, Packed};

/// Three planes of ten bits in sixteen, little endian, both differences of colour at half the width and height
/// (`I420_10LE`).
#[derive(Clone, Copy, Debug)]
pub struct Planes<'a> {
    pub data: [&'a [u8]; 3],
    /// Bytes from row to row.
    pub strides: [usize; 3],
}

/// Three planes of eight bits, of the same size and sampling (`I420`).
#[derive(Debug)]
pub struct PlanesMut<'a> {
    pub data: [&'a mut [u8]; 3],
    pub strides: [usize; 3],
}

/// A frame, and where it goes.
#[derive(Debug)]
pub struct Frame<'a> {
    pub from: Planes<'a>,
    pub to: PlanesMut<'a>,
    /// In pixels.
    pub width: usize,
    pub height: usize,
}

impl Frame<'_> {
    /// The upper half and the lower one.
    pub fn halves(self) -> [Self; 2] {
        let Self { from, to, width, height } = self;
        let blocks = height.div_ceil(4);
        let rows = (2 * blocks).min(height);
        let split = |data, stride| split_at_most(data, blocks * stride);
        let [luma, blue, red] = to.data;
        let (luma, luma_below) = split(luma, 2 * to.strides[0]);
        let (blue, blue_below) = split(blue, to.strides[1]);
        let (red, red_below) = split(red, to.strides[2]);
        let below = |plane: usize, rows: usize| {
            from.data[plane].get(rows * from.strides[plane]..).unwrap_or_default()
        };
        let half = |data, to_data, height| Self {
            from: Planes { data, strides: from.strides },
            to: PlanesMut { data: to_data, strides: to.strides },
            width,
            height,
        };
        [
            half(from.data, [luma, blue, red], rows),
            half(
                [below(0, rows), below(1, blocks), below(2, blocks)],
                [luma_below, blue_below, red_below],
                height - rows,
            ),
        ]
    }

    /// Maps it. Rows that a plane is too short for are left out.
    pub fn map(self, cube: &Cube) {
        let Self { from, to, width, height } = self;
        let blocks = width.div_ceil(2);
        let row = |plane: usize, at: usize, samples: usize| {
            let row = from.data[plane].get(at * from.strides[plane]..)?.get(..2 * samples)?;
            Some(row.as_chunks().0)
        };
        let [luma, blue, red] = to.data;
        let lumas = luma.chunks_mut((2 * to.strides[0]).max(1));
        let blues = blue.chunks_mut(to.strides[1].max(1));
        let reds = red.chunks_mut(to.strides[2].max(1));
        // Below the last row of an odd number the same row stands once more, and goes nowhere.
        let mut nowhere = vec![0; if height % 2 == 1 { width } else { 0 }];
        for (at, ((luma, blue), red)) in lumas.zip(blues).zip(reds).take(height.div_ceil(2)).enumerate() {
            let (above, below) = split_at_most(luma, to.strides[0]);
            let alone = 2 * at + 1 == height;
            let blocks = Blocks::new(
                [row(0, 2 * at, width), row(0, 2 * at + usize::from(!alone), width)],
                [row(1, at, blocks), row(2, at, blocks)],
                [above, if alone { &mut nowhere } else { below }].map(|row| row.get_mut(..width)),
                [blue, red].map(|row| row.get_mut(..blocks)),
            );
            if let Some(blocks) = blocks {
                blocks.map(cube);
            }
        }
    }
}

fn split_at_most(data: &mut [u8], at: usize) -> (&mut [u8], &mut [u8]) {
    data.split_at_mut(at.min(data.len()))
}

/// A sample of ten bits, little endian.
type Sample = [u8; 2];

/// A row of blocks of two by two pixels, of which the last one may be one pixel wide.
struct Blocks<'a> {
    lumas: [&'a [Sample]; 2],
    differences: [&'a [Sample]; 2],
    lumas_out: [&'a mut [u8]; 2],
    differences_out: [&'a mut [u8]; 2],
}

impl<'a> Blocks<'a> {
    fn new(
        [above, below]: [Option<&'a [Sample]>; 2],
        [blue, red]: [Option<&'a [Sample]>; 2],
        [above_out, below_out]: [Option<&'a mut [u8]>; 2],
        [blue_out, red_out]: [Option<&'a mut [u8]>; 2],
    ) -> Option<Self> {
        Some(Self {
            lumas: [above?, below?],
            differences: [blue?, red?],
            lumas_out: [above_out?, below_out?],
            differences_out: [blue_out?, red_out?],
        })
    }

    fn map(self, cube: &Cube) {
        let [(above, above_end), (below, below_end)] = self.lumas.map(|row| row.as_chunks::<2>());
        let [(above_out, above_out_end), (below_out, below_out_end)] =
            self.lumas_out.map(|row| row.as_chunks_mut::<2>());
        let [blue_out, red_out] = self.differences_out;
        let lumas = above.iter().zip(below).zip(above_out.iter_mut().zip(below_out));
        let differences = self.differences[0].iter().zip(self.differences[1]);
        let differences_out = blue_out.iter_mut().zip(red_out.iter_mut());
        for (((lumas, out), (cb, cr)), (blue, red)) in lumas.zip(differences).zip(differences_out) {
            ([*out.0, *out.1], [*blue, *red]) = block(cube, [*lumas.0, *lumas.1], *cb, *cr);
        }
        if let ([above], [below]) = (above_end, below_end)
            && let ([above_out], [below_out]) = (above_out_end, below_out_end)
            && let [blue, red] = self.differences.map(<[Sample]>::last)
            && let (Some(cb), Some(cr)) = (blue, red)
            && let (Some(blue), Some(red)) = (blue_out.last_mut(), red_out.last_mut())
        {
            ([[*above_out, _], [*below_out, _]], [*blue, *red]) =
                block(cube, [[*above; 2], [*below; 2]], *cb, *cr);
        }
    }
}

/// Luma row by row, and the differences.
#[inline(always)]
fn block(cube: &Cube, [upper, lower]: [[Sample; 2]; 2], cb: Sample, cr: Sample) -> ([[u8; 2]; 2], [u8; 2]) {
    let tint = cube.tint(u16::from_le_bytes(cb), u16::from_le_bytes(cr));
    let four =
        [upper[0], upper[1], lower[0], lower[1]].map(|luma| cube.colour(u16::from_le_bytes(luma), tint));
    let [a, b, c, d] = four.map(Packed::luma);
    ([[a, b], [c, d]], Packed::differences(four))
}
