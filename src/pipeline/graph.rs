//! A rendition's launch texts, made from a profile: the decode part up to raw frames of the rendition's shape,
//! and the encode part after the program has put them on the grid.

use super::profile::fill;
use super::set::Resolved;
use crate::media::{AudioTrack, VideoTrack};
use crate::rendition::{AudioForm, VideoForm, encoder_level};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VideoGraph {
    pub profile: String,
    /// The same for every rendition of a track.
    pub decode: String,
    pub scale: String,
    pub encode: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AudioGraph {
    pub profile: String,
    pub decode: String,
    pub encode: String,
    /// Samples by which the encoder's output, decoded, lags its input.
    pub delay: u32,
}

/// From the coded stream to raw pictures of this size, as a viewer sees them; `None` when the profile lacks the decoder.
pub fn pictures(profile: &Resolved, track: &VideoTrack, size: (u32, u32)) -> Option<String> {
    let (decode, scale) = stages(profile, track, size)?;
    Some(format!("{decode} ! {scale}"))
}

/// From the coded stream to raw frames, the right way up, and from there to the size. Only a profile whose decoder scales
/// has another decoder for another size.
fn stages(profile: &Resolved, track: &VideoTrack, (width, height): (u32, u32)) -> Option<(String, String)> {
    let mut stages = vec![profile.decode.get(&track.codec)?.clone()];
    if track.interlaced {
        stages.push(profile.deinterlace.clone()?);
    }
    if track.rotation != 0 {
        stages.push(profile.rotate.clone()?);
    }
    let direction = match track.rotation {
        90 => "90r",
        180 => "180",
        270 => "90l",
        _ => "identity",
    };
    let values =
        [("width", width.to_string()), ("height", height.to_string()), ("direction", direction.to_owned())];
    Some((fill(&stages.join(" ! "), &values), fill(&profile.scale, &values)))
}

impl VideoGraph {
    /// `None` when the profile lacks the track's decoder or the form's encoder.
    pub fn new(profile: &Resolved, track: &VideoTrack, form: &VideoForm) -> Option<Self> {
        let values = [
            ("width", form.width.to_string()),
            ("height", form.height.to_string()),
            ("kbps", form.kbps.to_string()),
            ("bps", (u64::from(form.kbps) * 1000).to_string()),
            ("level", encoder_level(form)),
        ];
        let (decode, scale) = stages(profile, track, (form.width, form.height))?;
        Some(Self {
            profile: profile.name.clone(),
            decode,
            scale,
            encode: fill(&profile.encode.get(&form.codec)?.text, &values),
        })
    }
}

impl AudioGraph {
    /// `None` when the profile lacks the track's decoder or the form's encoder.
    pub fn new(profile: &Resolved, track: &AudioTrack, form: &AudioForm) -> Option<Self> {
        let encoder = profile.encode.get(&form.codec)?;
        let values = [
            ("channels", form.channels.to_string()),
            ("rate", form.sample_rate.to_string()),
            ("bps", (form.kbps * 1000).to_string()),
            ("mix", mix_matrix(track, form).unwrap_or_default()),
        ];
        let stages = [profile.decode.get(&track.codec)?.as_str(), profile.scale.as_str()].join(" ! ");
        Some(Self {
            profile: profile.name.clone(),
            decode: fill(&stages, &values),
            encode: fill(&encoder.text, &values),
            delay: encoder.delay,
        })
    }
}

/// Surround to stereo: front channels whole, centre and surrounds 3 dB down (ITU-R BS.775-3 table 2), the sum
/// scaled so that dialogue keeps its loudness better than a normalised matrix leaves it. Channel orders are
/// those GStreamer gives 5.1 and 7.1 (FL FR FC LFE, then the back and side pairs).
fn mix_matrix(track: &AudioTrack, form: &AudioForm) -> Option<String> {
    if form.channels != 2 {
        return None;
    }
    let (left, right): (&[f32], &[f32]) = match track.layout.as_str() {
        "5.1" => (&[0.707, 0.0, 0.5, 0.35, 0.5, 0.0], &[0.0, 0.707, 0.5, 0.35, 0.0, 0.5]),
        "7.1" => {
            (&[0.707, 0.0, 0.5, 0.35, 0.35, 0.0, 0.35, 0.0], &[0.0, 0.707, 0.5, 0.35, 0.0, 0.35, 0.0, 0.35])
        }
        _ => return None,
    };
    let row = |values: &[f32]| {
        let values: Vec<String> = values.iter().map(|value| format!("(float){value}")).collect();
        format!("<{}>", values.join(","))
    };
    Some(format!("mix-matrix=\"<{},{}>\"", row(left), row(right)))
}
