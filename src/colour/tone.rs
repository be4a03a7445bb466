//! One colour of BT.2020, mostly of high dynamic range, as one of BT.709.
//!
//! Tones are mapped by the curve of Report ITU-R BT.2390 (section 5.4.1, the EETF) on the largest of red, green and blue,
//! the others in proportion: hue and saturation stay, and no light is brighter than the screen. What is darker than
//! 88 cd/m² (of pictures for 1000 cd/m²) stays as bright as it is beside white; what is brighter is compressed smoothly
//! into what is left.

use super::space::{BT709, BT2020, BT2020_TO_BT709, Luma, Triple};
use super::transfer::{
    HLG_GAMMA, PQ_PEAK, hlg_to_scene, light_to_pq, light_to_sdr, pq_to_light, sdr_to_light,
};
use crate::media::Hdr;

/// The white of paper in pictures of high dynamic range (Report ITU-R BT.2408 section 2.2), in cd/m²: what a screen of
/// BT.709 shows as its white.
pub const SDR_WHITE: f64 = 203.0;
/// What pictures are mastered for that do not say it, and HLG is shown for.
pub const USUAL_PEAK: f64 = 1000.0;

#[derive(Clone, Copy, Debug)]
pub struct ToneMap {
    /// `None` for the range of a usual screen.
    hdr: Option<Hdr>,
    /// PQ values of the brightest light that comes in and that goes out.
    source: f64,
    target: f64,
}

impl ToneMap {
    /// `peak` is the brightest light in the picture in cd/m², where that is known.
    pub fn new(hdr: Hdr, peak: Option<f64>) -> Self {
        let peak = match hdr {
            Hdr::Pq => peak.unwrap_or(USUAL_PEAK).clamp(SDR_WHITE, PQ_PEAK),
            Hdr::Hlg => USUAL_PEAK,
        };
        Self { hdr: Some(hdr), source: light_to_pq(peak), target: light_to_pq(SDR_WHITE) }
    }

    /// For pictures of BT.2020 whose white is that of the screen: tones stay, colours move into its gamut.
    pub fn sdr() -> Self {
        let white = light_to_pq(SDR_WHITE);
        Self { hdr: None, source: white, target: white }
    }

    /// Values of red, green and blue from 0 to 1: of BT.2020 in, of BT.709 out.
    pub fn map(&self, rgb: Triple) -> Triple {
        self.map_linear(rgb.map(|value| self.linear(value)))
    }

    /// A value without its transfer function: light of the scene (0 to 1) for HLG, of the screen in cd/m² for
    /// others.
    pub fn linear(&self, value: f64) -> f64 {
        match self.hdr {
            Some(Hdr::Pq) => pq_to_light(value),
            Some(Hdr::Hlg) => hlg_to_scene(value),
            None => SDR_WHITE * sdr_to_light(value),
        }
    }

    /// The same as [`Self::map`], of values that are linear already.
    pub fn map_linear(&self, linear: Triple) -> Triple {
        let light = self.tones(self.shown(linear));
        let sdr = into_gamut(BT2020_TO_BT709.apply(light).map(|light| light / SDR_WHITE), BT709);
        sdr.map(light_to_sdr)
    }

    /// What a screen shows, in cd/m². For HLG BT.2100 table 5: the OOTF, by the scene's luminance.
    pub fn shown(&self, linear: Triple) -> Triple {
        match self.hdr {
            Some(Hdr::Pq) | None => linear,
            Some(Hdr::Hlg) => {
                let gain = USUAL_PEAK * BT2020.of(linear).powf(HLG_GAMMA - 1.0);
                linear.map(|light| light * gain)
            }
        }
    }

    fn tones(&self, light: Triple) -> Triple {
        let brightest = light.into_iter().fold(0.0, f64::max);
        if brightest <= 0.0 {
            return [0.0; 3];
        }
        let gain = pq_to_light(self.curve(light_to_pq(brightest))) / brightest;
        light.map(|light| light * gain)
    }

    /// The EETF: identity up to the knee, above it a spline that ends level at the target's peak.
    pub fn curve(&self, pq: f64) -> f64 {
        let highest = self.target / self.source;
        let knee = 1.5 * highest - 0.5;
        let value = (pq / self.source).min(1.0);
        if highest >= 1.0 || value <= knee {
            return value * self.source;
        }
        let t = (value - knee) / (1.0 - knee);
        let (t2, t3) = (t * t, t * t * t);
        let spline = (2.0 * t3 - 3.0 * t2 + 1.0) * knee
            + (t3 - 2.0 * t2 + t) * (1.0 - knee)
            + (-2.0 * t3 + 3.0 * t2) * highest;
        spline * self.source
    }
}

/// How far a colour that the screen does not have goes towards grey of its luminance, of what would bring it onto the
/// screen; what is then still too much or too little is cut off. All the way, colours fade; without it, hues turn
/// (docs/design/0014-tone-mapping.md has the figures).
const FADE: f64 = 0.5;

fn into_gamut(light: Triple, luma: Luma) -> Triple {
    let grey = luma.of(light).clamp(0.0, 1.0);
    let inside = |value: f64| {
        let bound = if value > grey { 1.0 } else { 0.0 };
        if (0.0..=1.0).contains(&value) { 1.0 } else { (bound - grey) / (value - grey) }
    };
    let whole = light.map(inside).into_iter().fold(1.0, f64::min);
    let share = 1.0 - FADE * (1.0 - whole);
    light.map(|value| (grey + share * (value - grey)).clamp(0.0, 1.0))
}
