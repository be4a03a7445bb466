//! A rendition's launch texts, made from a profile: the decode part up to raw frames of the rendition's shape,
//! and the encode part after the program has put them on the grid.

use super::colorimetry::colorimetry;
use super::profile::{ProfileKind, fill};
use super::set::{OnDevice, Resolved};
use crate::media::{AudioTrack, Colour, Hdr, VideoTrack};
use crate::rendition::{AudioForm, VideoForm, encoder_level, sdr_colour, source_colour};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VideoGraph {
    /// The profile that encodes; behind the one whose device decodes, where that is another: `nvidia+software`.
    pub profile: String,
    /// The profile of the device that has a part in it.
    pub device: Option<String>,
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
    let shape = Shape { size, colour: &sdr_colour(track) };
    let stages = Stages::new(profile, None, track, shape, false)?;
    Some(format!("{} ! {}", stages.decode, stages.scale))
}

/// What frames are to become.
#[derive(Clone, Copy)]
struct Shape<'a> {
    size: (u32, u32),
    colour: &'a Colour,
}

/// The transfer function of pictures of BT.2020, as the tone map calls it: no usual screen has the range of light or the
/// gamut of such. `None` for others.
fn mapped_from(colour: &Colour) -> Option<&'static str> {
    match (colour.hdr, colour.matrix) {
        (Some(Hdr::Pq), _) => Some("pq"),
        (Some(Hdr::Hlg), _) => Some("hlg"),
        // Both kinds of luminance.
        (None, 9 | 10) => Some("sdr"),
        (None, _) => None,
    }
}

/// Codecs of which parsers do not say whether pictures are made of fields; their decoders do.
const MAYBE_INTERLACED: [&str; 7] = ["dv", "mjpeg", "mpeg4", "prores", "dnxhd", "vc1", "wmv3"];

/// Nothing says which colours a picture has, and what is taken for granted of its height would be wrong: it is turned, or
/// its range is another.
fn is_unlabelled(track: &VideoTrack) -> bool {
    let Colour { primaries, transfer, matrix, full_range, .. } = track.colour;
    (primaries, transfer, matrix) == (2, 2, 2) && (full_range || track.rotation % 180 == 90)
}

/// From the coded stream to frames that are encoded.
struct Stages {
    /// To frames the right way up. Only a profile whose decoder scales has another text for another size.
    decode: String,
    /// From there to the size, and to the colours of a usual screen.
    scale: String,
    scales_on_device: bool,
}

impl Stages {
    /// With the decoder of the device or the processor's; what the device cannot do is `profile`'s business. With `stays`,
    /// frames may stay in the device's memory, else they come out in the system's. `None` where somebody lacks what the
    /// picture needs.
    fn new(
        profile: &Resolved,
        device: Option<&OnDevice>,
        track: &VideoTrack,
        shape: Shape<'_>,
        stays: bool,
    ) -> Option<Self> {
        // Where frames are; of a device, what is done there.
        let mut at = device;
        let mut decode: Vec<&str> = match device {
            Some(device) => vec![device.decode.get(&track.codec)?, &device.memory],
            None => vec![profile.decode.get(&track.codec)?],
        };
        if device.is_none() && is_unlabelled(track) {
            decode.extend(profile.label.as_deref());
        }
        let interlaced = track.interlaced || MAYBE_INTERLACED.contains(&track.codec.as_str());
        let filters = [
            (interlaced, device.and_then(|device| device.deinterlace.as_ref()), &profile.deinterlace),
            (track.rotation != 0, device.and_then(|device| device.rotate.as_ref()), &profile.rotate),
        ];
        for (_, there, here) in filters.into_iter().filter(|(needed, ..)| *needed) {
            match (at, there) {
                (Some(_), Some(filter)) => decode.push(filter),
                (Some(OnDevice { download, .. }), None) => {
                    decode.push(download);
                    at = None;
                    decode.push(here.as_ref()?);
                }
                (None, _) => decode.push(here.as_ref()?),
            }
        }
        let source = source_colour(track);
        let transfer = mapped_from(&source);
        // What devices make of ranges and matrices nobody promises: the processor does it, behind them.
        let as_it_is = transfer.is_none() && source == *shape.colour;
        // With the colours that are wanted, or as they are; the size is right.
        let (scaled, coloured) = match at {
            None => (None, false),
            Some(OnDevice { tone_map: Some(text), .. }) if transfer == Some("pq") => (Some(text), true),
            Some(device) if as_it_is => (device.scale.as_ref(), true),
            Some(device) => (device.scale_hdr.as_ref(), false),
        };
        let mut scale: Vec<&str> = scaled.into_iter().map(String::as_str).collect();
        if !(scaled.is_some() && coloured && stays) {
            scale.extend(at.map(|device| device.download.as_str()));
            let through = if transfer.is_some() { &profile.tone_map } else { &profile.convert };
            scale.extend(through.as_deref().filter(|_| !coloured && !as_it_is));
            scale.push(&profile.scale);
        }
        let direction = match track.rotation {
            90 => "90r",
            180 => "180",
            270 => "90l",
            _ => "identity",
        };
        let values = |colour: &Colour| {
            [
                ("width", shape.size.0.to_string()),
                ("height", shape.size.1.to_string()),
                ("colorimetry", colorimetry(colour)),
                ("direction", direction.to_owned()),
                ("transfer", transfer.unwrap_or_default().to_owned()),
                ("peak", track.colour.peak.unwrap_or(0).to_string()),
            ]
        };
        Some(Self {
            decode: fill(&decode.join(" ! "), &values(&source)),
            scale: fill(&scale.join(" ! "), &values(shape.colour)),
            scales_on_device: scaled.is_some(),
        })
    }
}

/// Who does what: the profile that encodes, and the one whose device decodes, if one does.
#[derive(Clone, Copy)]
struct Hands<'p> {
    encodes: &'p Resolved,
    decodes: Option<&'p Resolved>,
}

impl Hands<'_> {
    /// The best comes first: all of it on one device; what is most work, encoding; decoding; nothing.
    fn rank(self) -> u8 {
        match (self.encodes.hardware, self.decodes.is_some()) {
            (true, true) => 0,
            (true, false) => 1,
            (false, true) => 2,
            (false, false) => 3,
        }
    }

    /// `None` where somebody lacks what it takes. With `to_draw_on`, frames are in the system's memory in front of the
    /// encoder.
    fn graph(self, track: &VideoTrack, form: &VideoForm, to_draw_on: bool) -> Option<VideoGraph> {
        let Self { encodes, decodes } = self;
        let device = match decodes {
            Some(profile) => Some(profile.device.as_ref()?),
            None => None,
        };
        let same = decodes.is_some_and(|profile| profile.name == encodes.name);
        let shape = Shape { size: (form.width, form.height), colour: &form.colour };
        let stages = Stages::new(encodes, device, track, shape, same && !to_draw_on)?;
        let values = [
            ("width", form.width.to_string()),
            ("height", form.height.to_string()),
            ("kbps", form.kbps.to_string()),
            ("bps", (u64::from(form.kbps) * 1000).to_string()),
            ("level", encoder_level(form)),
        ];
        Some(VideoGraph {
            profile: match decodes.filter(|_| !same) {
                Some(decodes) => format!("{}+{}", decodes.name, encodes.name),
                None => encodes.name.clone(),
            },
            device: decodes.or(Some(encodes).filter(|profile| profile.hardware)).map(|p| p.name.clone()),
            decode: stages.decode,
            scale: stages.scale,
            encode: fill(&encodes.encode.get(&form.codec)?.text, &values),
            places: Places {
                decodes_on_device: device.is_some(),
                scales_on_device: stages.scales_on_device,
                encodes_on_device: encodes.hardware,
            },
        })
    }
}

/// Every way to make a form of a track, in the order in which they are tried: who decodes and encodes on a device comes
/// before who encodes there, and that before who decodes there, by the priority of the profiles; the processor is last.
/// With `to_draw_on`, frames are in the system's memory in front of the encoder.
pub fn video_graphs(
    profiles: &[Resolved],
    track: &VideoTrack,
    form: &VideoForm,
    to_draw_on: bool,
) -> Vec<VideoGraph> {
    let video = || profiles.iter().filter(|profile| profile.kind == ProfileKind::Video);
    let hardware = || video().filter(|profile| profile.hardware);
    let alone = video().map(|encodes| Hands { encodes, decodes: None });
    let whole = hardware().map(|encodes| Hands { encodes, decodes: Some(encodes) });
    // The first encoder of the processor is enough for what devices decode.
    let on_processor = video().find(|profile| !profile.hardware && profile.encode.contains_key(&form.codec));
    let mixed = on_processor
        .into_iter()
        .flat_map(|encodes| hardware().map(move |device| Hands { encodes, decodes: Some(device) }));
    let mut all: Vec<Hands<'_>> = whole.chain(alone).chain(mixed).collect();
    all.sort_by_key(|hands| hands.rank());
    all.into_iter().filter_map(|hands| hands.graph(track, form, to_draw_on)).collect()
}

impl AudioGraph {
    /// `None` when the profile lacks the track's decoder or the form's encoder.
    pub fn new(profile: &Resolved, track: &AudioTrack, form: &AudioForm) -> Option<Self> {
        let encoder = profile.encode.get(&form.codec)?;
        let values = [
            ("channels", form.channels.to_string()),
            ("rate", form.sample_rate.to_string()),
            ("bps", (form.kbps * 1000).to_string()),
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
            label: Some("label".into()),
            deinterlace: Some("deint".into()),
            rotate: Some("flip {direction}".into()),
            scale: "scale {width}x{height}".into(),
            convert: Some("convert".into()),
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
        let card = card();
        let device = card.device.as_ref().filter(|_| on_device);
        let shape = Shape { size: SIZE, colour: &sdr_colour(track) };
        let stages = Stages::new(&card, device, track, shape, !to_draw_on)?;
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
        assert_eq!(
            stages(&film, true, true),
            told("carddec ! memory", "cardscale 1280x720 ! down ! scale 1280x720")
        );
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
    fn other_colours_than_the_rung_has_are_converted_behind_the_device() {
        let coloured = |codes: u8, full_range| {
            let colour =
                Colour { primaries: codes, transfer: codes, matrix: codes, full_range, ..Colour::default() };
            VideoTrack { colour, ..track("h264") }
        };
        let on_card = |scale: &str| told("carddec ! memory", scale);
        assert_eq!(stages(&coloured(1, false), true, false), on_card("cardscale 1280x720"));
        for other in [coloured(1, true), coloured(6, true), coloured(7, false)] {
            assert_eq!(stages(&other, true, false), on_card("cardscale10 ! down ! convert ! scale 1280x720"));
            assert_eq!(stages(&other, false, false), told("softdec", "convert ! scale 1280x720"));
        }
        let wide = coloured(9, false);
        assert_eq!(stages(&wide, true, false), on_card("cardscale10 ! down ! map sdr 0 ! scale 1280x720"));
        assert_eq!(stages(&wide, false, false), told("softdec", "map sdr 0 ! scale 1280x720"));
    }

    #[test]
    fn texts_are_told_the_colours_that_come_and_those_that_go() {
        let mut card = card();
        card.rotate = Some("flip {colorimetry}".into());
        card.scale = "scale {colorimetry}".into();
        let colour = Colour { primaries: 1, transfer: 1, matrix: 1, full_range: true, ..Colour::default() };
        let film = VideoTrack { colour, rotation: 90, ..track("h264") };
        let shape = Shape { size: SIZE, colour: &sdr_colour(&film) };
        let stages = Stages::new(&card, None, &film, shape, false).expect("it can do that");
        assert_eq!(
            (stages.decode.as_str(), stages.scale.as_str()),
            ("softdec ! flip 1:3:5:1", "convert ! scale bt709")
        );
    }

    #[test]
    fn frames_whose_decoder_may_not_say_their_colours_are_labelled() {
        let silent = track("h264");
        let turned = VideoTrack { rotation: 270, ..silent.clone() };
        let full = VideoTrack { colour: Colour { full_range: true, ..Colour::default() }, ..silent };
        assert_eq!(stages(&turned, false, false), told("softdec ! label ! flip 90l", "scale 1280x720"));
        assert_eq!(stages(&full, false, false), told("softdec ! label", "convert ! scale 1280x720"));
    }

    #[test]
    fn hardware_that_does_everything_comes_first_and_the_processor_last() {
        let hardware = |name: &str, encodes: bool| {
            let mut profile = Resolved { name: name.into(), ..card() };
            profile.encode.retain(|_, _| encodes);
            profile
        };
        let software = Resolved { name: "software".into(), hardware: false, device: None, ..card() };
        let second = Resolved { name: "second".into(), ..software.clone() };
        let form = crate::manifest::examples::picture();
        let order = |profiles: &[Resolved], codec: &str| -> Vec<String> {
            let graphs = video_graphs(profiles, &track(codec), &form, false);
            graphs.into_iter().map(|graph| format!("{}: {}", graph.profile, graph.places)).collect()
        };
        let all = [hardware("big", true), hardware("decodes", false), software, second];
        assert_eq!(
            order(&all, "h264"),
            [
                "big: decoded, scaled and encoded on the device",
                "big: encoded on the device, decoded and scaled on the processor",
                "big+software: decoded and scaled on the device, encoded on the processor",
                "decodes+software: decoded and scaled on the device, encoded on the processor",
                "software: decoded, scaled and encoded on the processor",
                "second: decoded, scaled and encoded on the processor",
            ]
        );
        assert_eq!(
            order(&all, "mpeg2"),
            [
                "big: encoded on the device, decoded and scaled on the processor",
                "software: decoded, scaled and encoded on the processor",
                "second: decoded, scaled and encoded on the processor",
            ]
        );
        assert!(order(&all, "vc1").is_empty());
        let mixed = video_graphs(&all[1..3], &track("h264"), &form, false);
        assert_eq!(mixed[0].device.as_deref(), Some("decodes"));
        assert!(mixed[0].scale.starts_with("cardscale") && mixed[0].scale.contains(" ! down ! scale "));
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
                let device = profile.device.as_ref().filter(|_| on_device);
                let shape = Shape { size: SIZE, colour: &sdr_colour(&film) };
                if let Some(stages) = Stages::new(profile, device, &film, shape, true) {
                    let whole = stages.decode + &stages.scale;
                    assert!(!whole.contains('{') && !whole.contains("  "), "{}: {whole}", profile.name);
                }
            }
        }
    }
}
