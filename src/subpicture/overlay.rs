//! A picture at the size of a frame, and its blending into the frame's planes.

use super::{Bitmap, Colours, Palette, Picture};

/// The film that a track is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Film {
    /// Size of the frames that are drawn on, in pixels that are square.
    pub frame: (u32, u32),
    /// Size of the frames as they are coded, and the shape of their pixels.
    pub coded: (u32, u32),
    pub sample_aspect: (u32, u32),
}

impl Film {
    /// Width over height of a pixel of a canvas. On DVD a picture of either shape has the same lines; elsewhere a canvas as
    /// wide as the coded frames has their pixels.
    fn pixel_aspect(&self, canvas: (u32, u32)) -> f64 {
        const BETWEEN_SHAPES: f64 = 1.55;
        let ratio = |(over, under): (u32, u32)| f64::from(over.max(1)) / f64::from(under.max(1));
        if matches!(canvas, (704 | 720, 480 | 576)) {
            let wide = ratio(self.frame) > BETWEEN_SHAPES;
            return if wide { 16.0 / 9.0 } else { 4.0 / 3.0 } / ratio(canvas);
        }
        if canvas.0 == self.coded.0 { ratio(self.sample_aspect) } else { 1.0 }
    }
}

/// One component of a frame, in memory.
#[derive(Debug)]
pub struct Samples<'a> {
    /// From the first sample on.
    pub bytes: &'a mut [u8],
    /// Bytes from a line to the next, and from a sample to the next.
    pub stride: usize,
    pub step: usize,
    /// 0 for luma, 1 for Cb, 2 for Cr.
    pub component: usize,
    /// How many pixels share one sample, as powers of two.
    pub shared: (u32, u32),
}

/// What is laid over frames of one size.
#[derive(Debug)]
pub struct Overlay {
    tiles: Vec<Tile>,
}

/// Invariant: places and sizes are even, so that the samples that pixels share are all in one tile.
#[derive(Debug)]
struct Tile {
    x: usize,
    y: usize,
    width: usize,
    height: usize,
    /// Y, Cb, Cr, each multiplied with the opacity behind them.
    pixels: Vec<[u8; 4]>,
}

/// Where a bitmap comes to lie in the frame, in whole pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Rect {
    x: i64,
    y: i64,
    width: i64,
    height: i64,
}

impl Rect {
    fn around(self, other: Self) -> Self {
        let (x, y) = (self.x.min(other.x), self.y.min(other.y));
        let right = (self.x + self.width).max(other.x + other.width);
        let bottom = (self.y + self.height).max(other.y + other.height);
        Self { x, y, width: right - x, height: bottom - y }
    }

    /// How far it has to move to lie within the frame; what is larger stays in its middle.
    fn inwards(self, frame: (i64, i64)) -> (i64, i64) {
        let along = |at: i64, length: i64, room: i64| match room - length {
            slack if slack >= 0 => at.clamp(0, slack) - at,
            slack => slack / 2 - at,
        };
        (along(self.x, self.width, frame.0), along(self.y, self.height, frame.1))
    }
}

impl Overlay {
    pub fn new(picture: &Picture, film: &Film, colours: Colours) -> Self {
        let palette = in_frame(&picture.palette, colours);
        let placed = picture.bitmaps.iter().zip(rects(picture, film));
        let tiles = placed.filter_map(|(bitmap, rect)| Tile::new(bitmap, rect, &palette, film.frame));
        Self { tiles: tiles.collect() }
    }

    /// Lays it over one component of a frame.
    pub fn blend(&self, samples: &mut Samples<'_>) {
        self.tiles.iter().for_each(|tile| tile.blend(samples));
    }
}

/// Y, Cb, Cr and opacity of each index, multiplied.
fn in_frame(palette: &Palette, colours: Colours) -> [[u16; 4]; 256] {
    palette.each_ref().map(|[red, green, blue, alpha]| {
        let [y, cb, cr] = colours.from_rgb([*red, *green, *blue]);
        [y, cb, cr, 255].map(|value| u16::from(value) * u16::from(*alpha))
    })
}

/// The canvas covers the frame, both around the same middle: of a film whose bars were cut off it is larger. What lay in
/// the bars moves into the frame, the upper half and the lower half each as one.
fn rects(picture: &Picture, film: &Film) -> Vec<Rect> {
    let (frame_width, frame_height) = (f64::from(film.frame.0), f64::from(film.frame.1));
    let pixel_aspect = film.pixel_aspect(picture.canvas);
    let wide = f64::from(picture.canvas.0) * pixel_aspect;
    let high = f64::from(picture.canvas.1);
    let down = (frame_width / wide).max(frame_height / high);
    let across = down * pixel_aspect;
    let (left, top) = ((frame_width - wide * down) / 2.0, (frame_height - high * down) / 2.0);
    let place = |bitmap: &Bitmap| Rect {
        x: (left + f64::from(bitmap.x) * across).round() as i64,
        y: (top + f64::from(bitmap.y) * down).round() as i64,
        width: ((bitmap.width as f64 * across).round() as i64).max(1),
        height: ((bitmap.height as f64 * down).round() as i64).max(1),
    };
    let in_upper_half = |bitmap: &Bitmap| f64::from(bitmap.y) + bitmap.height as f64 / 2.0 < high / 2.0;
    let mut rects: Vec<Rect> = picture.bitmaps.iter().map(place).collect();
    for upper in [true, false] {
        let half = |number: &usize| in_upper_half(&picture.bitmaps[*number]) == upper;
        let members: Vec<usize> = (0..rects.len()).filter(half).collect();
        let Some(around) = members.iter().map(|&member| rects[member]).reduce(Rect::around) else { continue };
        let (right, down) = around.inwards((film.frame.0.into(), film.frame.1.into()));
        for member in members {
            rects[member].x += right;
            rects[member].y += down;
        }
    }
    rects
}

impl Tile {
    /// `None` where nothing of it is in the frame.
    fn new(bitmap: &Bitmap, rect: Rect, palette: &[[u16; 4]; 256], frame: (u32, u32)) -> Option<Self> {
        let visible = |at: i64, length: i64, room: u32| {
            let (from, to) = (at.max(0) & !1, (at + length).min(i64::from(room) & !1));
            (from < to).then(|| (from as usize, ((to - from + 1) & !1) as usize))
        };
        let (x, width) = visible(rect.x, rect.width, frame.0)?;
        let (y, height) = visible(rect.y, rect.height, frame.1)?;
        let columns = taps(bitmap.width, rect.width, x as i64 - rect.x, width);
        let rows = taps(bitmap.height, rect.height, y as i64 - rect.y, height);
        // Lines of the source at the width of the frame, as long as they are needed.
        let mut lines: std::collections::VecDeque<(usize, Vec<[f32; 4]>)> = std::collections::VecDeque::new();
        let mut pixels = Vec::with_capacity(width * height);
        for row in &rows {
            while lines.front().is_some_and(|(number, _)| *number < row.first) {
                lines.pop_front();
            }
            for number in row.first..row.first + row.weights.len() {
                if lines.back().is_none_or(|(last, _)| *last < number) {
                    let source = &bitmap.indices[number * bitmap.width..][..bitmap.width];
                    lines.push_back((number, across(source, &columns, palette)));
                }
            }
            let weighted = || row.weights.iter().zip(lines.iter().map(|(_, line)| line));
            pixels.extend((0..width).map(|column| {
                let mut sum = [0.0; 4];
                for (weight, line) in weighted() {
                    add(&mut sum, line[column], *weight);
                }
                sum.map(|value| (value / 255.0).round().clamp(0.0, 255.0) as u8)
            }));
        }
        Some(Self { x, y, width, height, pixels })
    }

    fn blend(&self, samples: &mut Samples<'_>) {
        let (across, down) = (1 << samples.shared.0, 1 << samples.shared.1);
        let share = (across * down) as u32;
        for line in (0..self.height).step_by(down) {
            let Some(start) = ((self.y + line) / down).checked_mul(samples.stride) else { return };
            for column in (0..self.width).step_by(across) {
                let (mut colour, mut alpha) = (0, 0);
                for below in 0..down.min(self.height - line) {
                    for beside in 0..across.min(self.width - column) {
                        let pixel = self.pixels[(line + below) * self.width + column + beside];
                        colour += u32::from(pixel[samples.component & 3]);
                        alpha += u32::from(pixel[3]);
                    }
                }
                let at = start + (self.x + column) / across * samples.step;
                if alpha > 0
                    && let Some(sample) = samples.bytes.get_mut(at)
                {
                    let behind = u32::from(*sample) * (255 * share - alpha);
                    *sample = ((behind + colour * 255 + 255 * share / 2) / (255 * share)).min(255) as u8;
                }
            }
        }
    }
}

/// What one pixel takes of the source: pixels from `first` on with these weights, which add up to one, or none where it
/// lies beside it.
#[derive(Debug)]
struct Taps {
    first: usize,
    weights: Vec<f32>,
}

/// For `count` pixels from `from` on, of a row of `source` pixels that is drawn `drawn` pixels long. A triangle as wide as
/// a pixel of the coarser of the two.
fn taps(source: usize, drawn: i64, from: i64, count: usize) -> Vec<Taps> {
    let scale = source as f64 / drawn as f64;
    let reach = scale.max(1.0);
    let one = |pixel: i64| {
        if !(0..drawn).contains(&pixel) {
            return Taps { first: 0, weights: Vec::new() };
        }
        let middle = (pixel as f64 + 0.5) * scale - 0.5;
        let first = (middle - reach).ceil().max(0.0) as usize;
        let last = ((middle + reach).floor().max(0.0) as usize).min(source - 1);
        let weight = |at: usize| (1.0 - (at as f64 - middle).abs() / reach).max(0.0);
        let sum: f64 = (first..=last).map(weight).sum();
        Taps { first, weights: (first..=last).map(|at| (weight(at) / sum) as f32).collect() }
    };
    (0..count as i64).map(|pixel| one(from + pixel)).collect()
}

fn across(source: &[u8], columns: &[Taps], palette: &[[u16; 4]; 256]) -> Vec<[f32; 4]> {
    let pixel = |taps: &Taps| {
        let mut sum = [0.0; 4];
        for (weight, index) in taps.weights.iter().zip(&source[taps.first..]) {
            add(&mut sum, palette[usize::from(*index)].map(f32::from), *weight);
        }
        sum
    };
    columns.iter().map(pixel).collect()
}

fn add(sum: &mut [f32; 4], pixel: [f32; 4], weight: f32) {
    sum.iter_mut().zip(pixel).for_each(|(sum, value)| *sum += value * weight);
}
