//! What heads make of films, frame by frame.

use std::sync::Arc;

use millrace::colour::{BT709, Luma, Triple};
use millrace::encoder::spec::Stretch;
use millrace::worker::protocol::{EncodeVideo, HeadWork};

use crate::support::{Film, Made, RUNTIME, ffmpeg, frames, head_spec, run_spec};

/// Rec. ITU-R BT.601 section 2.5.1.
pub const BT601: Luma = Luma { red: 0.299, blue: 0.114 };

/// What the shipped text says, in the place of which nearly nothing is lost.
const LOSSY: &str = "x264enc speed-preset=superfast";
const FINE: &str = "x264enc speed-preset=superfast pass=quant quantizer=1";

pub fn with_film(film: &Arc<Film>, change: impl FnOnce(&mut EncodeVideo)) -> Made {
    let rendition = film.plan.video.iter().find(|rendition| !rendition.copied).expect("an encoded one");
    let mut spec = head_spec(film, rendition, 0, Stretch::whole(rendition));
    let HeadWork::EncodeVideo(work) = &mut spec.work else { panic!("it is encoded") };
    change(work);
    let made = RUNTIME.block_on(run_spec(film, rendition, spec));
    made.unwrap_or_else(|error| panic!("{}: {error}", film.path.display()))
}

/// The first rung of a film, by an encoder that loses nearly nothing.
pub fn exact(film: &Arc<Film>) -> Made {
    with_film(film, |work| {
        assert!(work.encode.contains(LOSSY), "{}", work.encode);
        work.encode = work.encode.replace(LOSSY, FINE);
    })
}

/// Frames in I420, and how they are to be read.
pub struct Shown {
    pub width: usize,
    pub height: usize,
    pub luma: Luma,
    bytes: Vec<u8>,
}

impl Shown {
    /// As a player shows them that believes the stream.
    pub fn of(made: &Made) -> Self {
        let movie = made.movie(&made.fragments);
        let first = frames(movie.path()).into_iter().next().expect("a frame");
        let number = |field: &str| first[field].as_u64().expect("a number") as usize;
        assert_eq!(first["color_range"], "tv");
        assert_eq!(first["pix_fmt"], "yuv420p");
        let luma = match first["color_space"].as_str() {
            Some("bt709") => BT709,
            Some("smpte170m" | "bt470bg") => BT601,
            other => panic!("matrix {other:?}"),
        };
        let raw = "-fps_mode passthrough -enc_time_base 1:90000 -pix_fmt yuv420p -f rawvideo -";
        let bytes = ffmpeg(&format!("-i '{}' {raw}", movie.path().display())).stdout;
        Self { width: number("width"), height: number("height"), luma, bytes }
    }

    fn frame_bytes(&self) -> usize {
        self.width * self.height * 3 / 2
    }

    pub fn count(&self) -> usize {
        self.bytes.len() / self.frame_bytes()
    }

    pub fn frame(&self, n: usize) -> Frame<'_> {
        let at = n * self.frame_bytes();
        Frame { shown: self, bytes: &self.bytes[at..at + self.frame_bytes()] }
    }
}

#[derive(Clone, Copy)]
pub struct Frame<'s> {
    shown: &'s Shown,
    bytes: &'s [u8],
}

impl Frame<'_> {
    pub fn luma(&self, x: usize, y: usize) -> u8 {
        self.bytes[y * self.shown.width + x]
    }

    /// Of the differences of blue and red, plane 1 and 2, by the place in that plane.
    pub fn chroma(&self, plane: usize, x: usize, y: usize) -> u8 {
        let (width, height) = (self.shown.width / 2, self.shown.height / 2);
        self.bytes[self.shown.width * self.shown.height + (plane - 1) * width * height + y * width + x]
    }

    pub fn row(&self, y: usize) -> &[u8] {
        &self.bytes[y * self.shown.width..][..self.shown.width]
    }

    /// Red, green and blue around a pixel.
    pub fn colour(&self, x: usize, y: usize) -> Triple {
        const REACH: usize = 2;
        let (columns, rows) = (x - REACH..x + REACH, y - REACH..y + REACH);
        let mut sum = [0.0; 3];
        for (x, y) in rows.flat_map(|y| columns.clone().map(move |x| (x, y))) {
            let codes = [self.luma(x, y), self.chroma(1, x / 2, y / 2), self.chroma(2, x / 2, y / 2)];
            let codes = codes.map(f64::from);
            sum[0] += (codes[0] - 16.0) / 219.0;
            sum[1] += (codes[1] - 128.0) / 224.0;
            sum[2] += (codes[2] - 128.0) / 224.0;
        }
        let count = (2 * REACH * 2 * REACH) as f64;
        self.shown.luma.to_rgb(sum.map(|value| value / count))
    }
}
