//! `millrace probe FILE`: what is in the file, its cut lists, and for each rendition copy or profile, and why.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::local::{self, Trouble};
use super::say::say;
use crate::encoder::{Choices, Decision, Tried};
use crate::media::MediaInfo;
use crate::rendition::{Presentation, Rendition, RenditionMedia};
use crate::timeline::{Nanos, nanos_from_ticks};

#[derive(Args)]
pub struct Probe {
    /// The file to look into.
    file: PathBuf,
    /// Print everything as JSON.
    #[arg(long)]
    json: bool,
}

pub async fn run(arguments: Probe) -> Result<ExitCode, Trouble> {
    let (pool, examined) = local::examined().await?;
    let profiles = examined.working;
    let local = local::probe(&pool, &arguments.file).await?;
    let presentation = local::plan(&local, &profiles);
    let choices = Choices::default();
    choices.set_profiles(profiles);
    if arguments.json {
        let renditions: Vec<serde_json::Value> = presentation
            .iter()
            .flat_map(Presentation::renditions)
            .map(|r| rendition_json(&local.info, r, &choices))
            .collect();
        let report = json!({
            "media": &*local.info,
            "index": { "source": local.index.source, "keyframes": local.index.keyframes.len(),
                "closed": local.index.keyframes.iter().filter(|keyframe| keyframe.closed()).count() },
            "renditions": renditions,
            "reasons": presentation.as_ref().map(|p| p.reasons.clone()).unwrap_or_default(),
            "unplayable": presentation.as_ref().err().map(ToString::to_string),
        });
        say!("{report:#}");
    } else {
        print_facts(&local.info);
        let index = &local.index;
        say!("index      {:?}, {} keyframes", index.source, index.keyframes.len());
        match &presentation {
            Ok(presentation) => print_plan(&local.info, presentation, &choices),
            Err(error) => say!("unplayable {error}"),
        }
    }
    Ok(if presentation.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The profile that would make a rendition, and why that one.
fn decision(info: &MediaInfo, rendition: &Rendition, choices: &Choices) -> Decision {
    let next = choices.next(info, rendition, &Tried::default());
    next.map_or_else(Decision::none, |(way, reason)| Decision::new(&way, reason))
}

fn rendition_json(info: &MediaInfo, rendition: &Rendition, choices: &Choices) -> serde_json::Value {
    let cuts = &rendition.cuts;
    let Decision { profile, reason } = decision(info, rendition, choices);
    json!({
        "id": rendition.id,
        "track": rendition.track,
        "copied": rendition.copied,
        "profile": profile,
        "reason": reason,
        "codec_string": rendition.codec_string,
        "bandwidth": rendition.bandwidth.peak,
        "average_bandwidth": rendition.bandwidth.average,
        "cut_list": { "timescale": cuts.timescale, "independent": cuts.independent, "boundaries": cuts.boundaries },
        "fragments": {
            "first": rendition.fragments.first_fragment(),
            "part": rendition.fragments.longest_part(),
        },
    })
}

fn seconds(nanos: Nanos) -> f64 {
    nanos as f64 / 1e9
}

fn print_facts(info: &MediaInfo) {
    say!("container  {:?}, {:.3} s", info.container, seconds(info.duration_ns));
    for track in &info.video {
        let shape = format!("{}x{}", track.width, track.height);
        let pixels = track.pixel_format.as_deref().unwrap_or("?");
        let rate = format!("{}/{}", track.frame_rate.num, track.frame_rate.den);
        let notes = [
            (!track.constant_rate).then(|| "variable rate".to_owned()),
            track.interlaced.then(|| "interlaced".to_owned()),
            (track.rotation != 0).then(|| format!("rotated {}°", track.rotation)),
            (track.sample_aspect != (1, 1))
                .then(|| format!("sample aspect {}:{}", track.sample_aspect.0, track.sample_aspect.1)),
            track.colour.hdr.map(|hdr| format!("HDR {hdr:?}")),
        ];
        let notes: Vec<String> = notes.into_iter().flatten().collect();
        say!(
            "video {:>4}  {} {} {shape} {pixels} {rate} fps {} {}",
            track.facts.number,
            track.codec,
            track.profile.as_deref().unwrap_or(""),
            track.codec_string.as_deref().unwrap_or(""),
            notes.join(", ")
        );
    }
    for track in &info.audio {
        say!(
            "audio {:>4}  {} {} {} Hz {} {}",
            track.facts.number,
            track.codec,
            track.layout,
            track.sample_rate,
            track.facts.language.as_deref().unwrap_or("und"),
            track.facts.title.as_deref().unwrap_or("")
        );
    }
    for track in &info.text {
        let language = track.facts.language.as_deref().unwrap_or("und");
        say!(
            "text  {:>4}  {} {language} {}",
            track.facts.number,
            track.codec,
            track.facts.title.as_deref().unwrap_or("")
        );
    }
    if !info.chapters.is_empty() {
        say!("chapters   {}", info.chapters.len());
    }
    info.damage.iter().for_each(|damage| say!("damage     {damage}"));
}

fn print_plan(info: &MediaInfo, presentation: &Presentation, choices: &Choices) {
    for rendition in presentation.listed() {
        let Decision { profile, reason } = decision(info, rendition, choices);
        let profile = profile.as_deref().unwrap_or("no profile");
        let what = match &rendition.media {
            RenditionMedia::Video(form) => format!("{}x{}", form.width, form.height),
            RenditionMedia::Audio(form) => format!("{} ch, {}", form.channels, form.label),
        };
        let cuts = &rendition.cuts;
        let longest = nanos_from_ticks(cuts.longest_ticks(), cuts.timescale);
        say!(
            "{:10} {profile:10} {} {what} {} kbit/s, {} segments up to {:.3} s; {reason}",
            rendition.id.kind(),
            rendition.codec_string,
            rendition.bandwidth.average / 1000,
            cuts.segment_count(),
            seconds(longest)
        );
    }
    presentation.reasons.iter().for_each(|(what, why)| say!("why        {what}: {why}"));
}
