//! A rendition's launch texts, made from a profile: the decode part up to raw frames of the rendition's shape,
//! and the encode part after the program has put them on the grid.

use super::profile::{ProfileKind, fill};
use super::set::{OnDevice, Resolved};
use crate::media::{AudioTrack, Hdr, VideoTrack};
use crate::rendition::{AudioForm, VideoForm, encoder_level};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VideoGraph {
    pub profile: String,
    /// The same for every rendition of a track.
    pub decode: String,
    pub scale: String,
    pub encode: String,
    pub places: Places,
}

/// Where the work is done; what is not done on a device is done on the processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Places {
    pub decodes_on_device: bool,
    pub scales_on_device: bool,
    pub encodes_on_device: bool,
}

impl std::fmt::Display for Places {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let steps = [
            ("decoded", self.decodes_on_device),
            ("scaled", self.scales_on_device),
            ("encoded", self.encodes_on_device),
        ];
        let on = |wanted: bool| {
            let named: Vec<&str> =
                steps.iter().filter(|(_, on_device)| *on_device == wanted).map(|(step, _)| *step).collect();
            let place = if wanted { "on the device" } else { "on the processor" };
            let all = match named.as_slice() {
                [] => return None,
                [first @ .., last] if !first.is_empty() => format!("{} and {last}", first.join(", ")),
                one => one.concat(),
            };
            Some(format!("{all} {place}"))
        };
        let parts: Vec<String> = [on(true), on(false)].into_iter().flatten().collect();
        f.write_str(&parts.join(", "))
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AudioGraph {
    pub profile: String,
    pub decode: String,
    pub encode: String,
    /// Samples by which the encoder's output, decoded, lags its input.
    pub delay: u32,
}

/// From the coded stream to raw pictures of this size in the system's memory, as a viewer sees them; `None` when the
/// profile lacks the decoder.
pub fn pictures(profile: &Resolved, track: &VideoTrack, size: (u32, u32)) -> Option<String> {
    let stages = Stages::new(profile, track, size, false, false)?;
    Some(format!("{} ! {}", stages.decode, stages.scale))
}

/// From the coded stream to frames that are encoded.
struct Stages {
    /// To frames the right way up. Only a profile whose decoder scales has another text for another size.
    decode: String,
    /// From there to the size, and to the tones of a usual screen.
    scale: String,
    scales_on_device: bool,
}

impl Stages {
    /// With the decoder of the device or the processor's; with `to_draw_on`, frames come out in the system's memory.
    /// `None` when the profile lacks what the picture needs.
    fn new(
        profile: &Resolved,
        track: &VideoTrack,
        (width, height): (u32, u32),
        on_device: bool,
        to_draw_on: bool,
    ) -> Option<Self> {
        // Where frames are; of a device, what is done there.
        let mut device = if on_device { Some(profile.device.as_ref()?) } else { None };
        let mut decode: Vec<&str> = match device {
            Some(device) => vec![device.decode.get(&track.codec)?, &device.memory],
            None => vec![profile.decode.get(&track.codec)?],
        };
        let filters = [
            (track.interlaced, device.and_then(|device| device.deinterlace.as_ref()), &profile.deinterlace),
            (track.rotation != 0, device.and_then(|device| device.rotate.as_ref()), &profile.rotate),
        ];
        for (_, there, here) in filters.into_iter().filter(|(needed, ..)| *needed) {
            match (device, there) {
                (Some(_), Some(filter)) => decode.push(filter),
                (Some(OnDevice { download, .. }), None) => {
                    decode.push(download);
                    device = None;
                    decode.push(here.as_ref()?);
                }
                (None, _) => decode.push(here.as_ref()?),
            }
        }
        let mut scale: Vec<&str> = Vec::new();
        let hdr = track.colour.hdr;
        let there = device.filter(|_| !to_draw_on).and_then(|device| match hdr {
            None => device.scale.as_ref(),
            Some(Hdr::Pq) => device.tone_map.as_ref(),
            Some(Hdr::Hlg) => None,
        });
        match (device, there) {
            (Some(_), Some(whole)) => scale.push(whole),
            _ => {
                if let Some(device) = device {
                    scale.extend(device.scale_hdr.as_deref().filter(|_| hdr.is_some()));
                    scale.push(&device.download);
                }
                scale.extend(profile.tone_map.as_deref().filter(|_| hdr.is_some()));
                scale.push(&profile.scale);
            }
        }
        let direction = match track.rotation {
            90 => "90r",
            180 => "180",
            270 => "90l",
            _ => "identity",
        };
        let transfer = if hdr == Some(Hdr::Hlg) { "hlg" } else { "pq" };
        let values = [
            ("width", width.to_string()),
            ("height", height.to_string()),
            ("direction", direction.to_owned()),
            ("transfer", transfer.to_owned()),
            ("peak", track.colour.peak.unwrap_or(0).to_string()),
        ];
        Some(Self {
            decode: fill(&decode.join(" ! "), &values),
            scale: fill(&scale.join(" ! "), &values),
            scales_on_device: there.is_some(),
        })
    }
}

impl VideoGraph {
    /// Every way in which a profile makes a form of a track, the best one first: with the decoder of its device, then with
    /// the processor's. With `to_draw_on`, frames are in the system's memory in front of the encoder.
    pub fn all(profile: &Resolved, track: &VideoTrack, form: &VideoForm, to_draw_on: bool) -> Vec<Self> {
        let ways = [true, false].into_iter();
        ways.filter_map(|on_device| Self::new(profile, track, form, on_device, to_draw_on)).collect()
    }

    fn new(
        profile: &Resolved,
        track: &VideoTrack,
        form: &VideoForm,
        on_device: bool,
        to_draw_on: bool,
    ) -> Option<Self> {
        let values = [
            ("width", form.width.to_string()),
            ("height", form.height.to_string()),
            ("kbps", form.kbps.to_string()),
            ("bps", (u64::from(form.kbps) * 1000).to_string()),
            ("level", encoder_level(form)),
        ];
        let stages = Stages::new(profile, track, (form.width, form.height), on_device, to_draw_on)?;
        Some(Self {
            profile: profile.name.clone(),
            decode: stages.decode,
            scale: stages.scale,
            encode: fill(&profile.encode.get(&form.codec)?.text, &values),
            places: Places {
                decodes_on_device: on_device,
                scales_on_device: stages.scales_on_device,
                encodes_on_device: profile.hardware,
            },
        })
    }
}

/// Every way to make a form of a track, in the order in which they are tried: who decodes and encodes on a device comes
/// before who does one of them there, and that by the priority of the profiles; the processor is last.
pub fn video_graphs(
    profiles: &[Resolved],
    track: &VideoTrack,
    form: &VideoForm,
    to_draw_on: bool,
) -> Vec<VideoGraph> {
    let video = profiles.iter().filter(|profile| profile.kind == ProfileKind::Video);
    let mut all: Vec<VideoGraph> =
        video.flat_map(|profile| VideoGraph::all(profile, track, form, to_draw_on)).collect();
    all.sort_by_key(|graph| !(graph.places.decodes_on_device && graph.places.encodes_on_device));
    all
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::media::Colour;
    use crate::pipeline::set::{Encoding, ProfileSet};
    use crate::pipeline::{Sessions, profile};

    fn texts(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(codec, text)| ((*codec).to_owned(), (*text).to_owned())).collect()
    }

    /// A card that decodes H.264 and scales, and encodes; everything else is the processor's.
    fn card() -> Resolved {
        Resolved {
            name: "card".into(),
            kind: ProfileKind::Video,
            priority: 10,
            hardware: true,
            sessions: Sessions::Any,
            decode: texts(&[("h264", "softdec"), ("mpeg2", "softmpeg")]),
            deinterlace: Some("deint".into()),
            rotate: Some("flip {direction}".into()),
            scale: "scale {width}x{height}".into(),
            tone_map: Some("map {transfer} {peak}".into()),
            device: Some(OnDevice {
                memory: "memory".into(),
                decode: texts(&[("h264", "carddec")]),
                download: "down".into(),
                deinterlace: None,
                rotate: Some("cardflip {direction}".into()),
                scale: Some("cardscale {width}x{height}".into()),
                scale_hdr: Some("cardscale10".into()),
                tone_map: None,
            }),
            encode: BTreeMap::from([("h264".into(), Encoding { text: "enc {kbps}".into(), delay: 0 })]),
        }
    }

    fn track(codec: &str) -> VideoTrack {
        let set = serde_json::json!({
            "facts": {
                "number": 1, "language": null, "title": null, "disposition": crate::media::Disposition::default(),
                "edit_offset_ns": 0, "start_ns": 0, "end_ns": 0,
            },
            "codec": codec, "profile": null, "level": null,
            "pixel_format": null, "bit_depth": 8, "width": 1920, "height": 1080, "sample_aspect": [1, 1], "rotation": 0,
            "frame_rate": crate::timeline::FrameRate { num: 25, den: 1 }, "constant_rate": true, "reorder_frames": 0,
            "interlaced": false, "colour": Colour::default(), "codec_string": null, "codec_config": "", "caps": "",
        });
        serde_json::from_value(set).expect("a track")
    }

    const SIZE: (u32, u32) = (1280, 720);

    fn stages(track: &VideoTrack, on_device: bool, to_draw_on: bool) -> Option<(String, String)> {
        let stages = Stages::new(&card(), track, SIZE, on_device, to_draw_on)?;
        Some((stages.decode, stages.scale))
    }

    fn told(decode: &str, scale: &str) -> Option<(String, String)> {
        Some((decode.into(), scale.into()))
    }

    #[test]
    fn frames_stay_on_the_device_as_long_as_it_can_do_what_is_needed() {
        let film = track("h264");
        assert_eq!(stages(&film, true, false), told("carddec ! memory", "cardscale 1280x720"));
        assert_eq!(stages(&film, false, false), told("softdec", "scale 1280x720"));
        assert_eq!(stages(&film, true, true), told("carddec ! memory", "down ! scale 1280x720"));
        let turned = VideoTrack { rotation: 90, ..film.clone() };
        assert_eq!(
            stages(&turned, true, false),
            told("carddec ! memory ! cardflip 90r", "cardscale 1280x720")
        );
        let both = VideoTrack { rotation: 180, interlaced: true, ..film };
        assert_eq!(
            stages(&both, true, false),
            told("carddec ! memory ! down ! deint ! flip 180", "scale 1280x720")
        );
        assert_eq!(stages(&track("mpeg2"), true, false), None);
        assert_eq!(stages(&track("vc1"), false, false), None);
    }

    #[test]
    fn tones_are_mapped_behind_the_scaler() {
        let colour = Colour { hdr: Some(Hdr::Pq), peak: Some(4000), ..Colour::default() };
        let film = VideoTrack { colour, ..track("h264") };
        let mapped = "map pq 4000 ! scale 1280x720";
        assert_eq!(stages(&film, false, false), told("softdec", mapped));
        let down = format!("cardscale10 ! down ! {mapped}");
        assert_eq!(stages(&film, true, false), told("carddec ! memory", &down));
        let hlg = VideoTrack { colour: Colour { hdr: Some(Hdr::Hlg), ..Colour::default() }, ..film };
        assert_eq!(stages(&hlg, false, false), told("softdec", "map hlg 0 ! scale 1280x720"));
    }

    #[test]
    fn where_the_work_is_done_is_told_in_words() {
        let places = |decodes_on_device, scales_on_device, encodes_on_device| {
            Places { decodes_on_device, scales_on_device, encodes_on_device }.to_string()
        };
        assert_eq!(places(true, true, true), "decoded, scaled and encoded on the device");
        assert_eq!(places(true, false, true), "decoded and encoded on the device, scaled on the processor");
        assert_eq!(places(false, false, true), "encoded on the device, decoded and scaled on the processor");
        assert_eq!(places(false, false, false), "decoded, scaled and encoded on the processor");
    }

    #[test]
    fn every_shipped_text_has_its_holes_filled() {
        let set = ProfileSet::load(&[]).expect("shipped profiles load");
        let all = set.trial_texts().into_iter().map(|text| (text, None)).collect();
        let (resolved, _) = set.resolve(&all);
        let colour = Colour { hdr: Some(Hdr::Pq), ..Colour::default() };
        for profile in resolved.iter().filter(|profile| profile.kind == profile::ProfileKind::Video) {
            for on_device in [true, false] {
                let film =
                    VideoTrack { rotation: 90, interlaced: true, colour: colour.clone(), ..track("h264") };
                if let Some(stages) = Stages::new(profile, &film, SIZE, on_device, false) {
                    let whole = stages.decode + &stages.scale;
                    assert!(!whole.contains('{') && !whole.contains("  "), "{}: {whole}", profile.name);
                }
            }
        }
    }
}
