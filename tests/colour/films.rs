//! Films of a chart through real workers: what their heads make, beside the tone map and beside GStreamer's converter.

use std::sync::Arc;

use millrace::colour::ToneMap;
use millrace::encoder::spec::Stretch;
use millrace::media::Hdr;
use millrace::worker::protocol::{EncodeVideo, HeadWork, Report, Request, Trial};

use crate::chart::Chart;
use crate::ciede2000::Differences;
use crate::support::{Film, Made, POOL, RUNTIME, ffmpeg, film, folder, head, head_spec, run_spec};

/// What the shipped text says, in the place of which nearly nothing is lost.
const LOSSY: &str = "x264enc speed-preset=superfast";
const FINE: &str = "x264enc speed-preset=superfast pass=quant quantizer=1";

const PQ: Chart = Chart { hdr: Hdr::Pq, full_range: false, width: 640, height: 360 };
/// No row of its planes is as long as it is wide.
const FULL_RANGE: Chart = Chart { hdr: Hdr::Pq, full_range: true, width: 426, height: 240 };
const HLG: Chart = Chart { hdr: Hdr::Hlg, full_range: false, width: 638, height: 358 };

/// A second and a half of the chart in HEVC, without loss.
fn film_of(name: &'static str, chart: &Chart) -> Arc<Film> {
    let raw = format!("{name}.yuv");
    std::fs::write(folder().join(&raw), chart.frame()).expect("written");
    let transfer = if chart.hdr == Hdr::Pq { "smpte2084" } else { "arib-std-b67" };
    let (range, tag) = if chart.full_range { ("full", "pc") } else { ("limited", "tv") };
    let light = if chart.hdr == Hdr::Pq { ":max-cll=1000,200" } else { "" };
    film(
        name,
        &format!(
            "-stream_loop -1 -f rawvideo -pix_fmt yuv420p10le -s {}x{} -r 25 -i {raw} -frames:v 38 \
             -color_primaries bt2020 -color_trc {transfer} -colorspace bt2020nc -color_range {tag} \
             -c:v libx265 -preset ultrafast -x265-params lossless=1:keyint=25:log-level=error:range={range}\
             :colorprim=bt2020:transfer={transfer}:colormatrix=bt2020nc{light}",
            chart.width, chart.height
        ),
    )
}

fn map_of(film: &Film, chart: &Chart) -> ToneMap {
    let colour = &film.info.video[0].colour;
    assert_eq!((colour.hdr, colour.full_range), (Some(chart.hdr), chart.full_range));
    assert_eq!(colour.peak, (chart.hdr == Hdr::Pq).then_some(1000));
    ToneMap::new(chart.hdr, colour.peak.map(f64::from))
}

/// A head's work with something else in it.
fn head_with(film: &Arc<Film>, kind: &str, change: impl FnOnce(&mut EncodeVideo)) -> Made {
    let rendition = film.rendition(kind);
    let stretch = Stretch::whole(&rendition);
    let mut spec = head_spec(film, &rendition, 0, stretch);
    let HeadWork::EncodeVideo(work) = &mut spec.work else { panic!("it is encoded") };
    change(work);
    RUNTIME.block_on(run_spec(film, &rendition, spec)).expect("made")
}

fn fine(work: &mut EncodeVideo) {
    assert!(work.encode.contains(LOSSY), "{}", work.encode);
    work.encode = work.encode.replace(LOSSY, FINE);
}

/// A frame from the middle of what a head made, in I420.
fn picture(made: &Made, chart: &Chart) -> Vec<u8> {
    let movie = made.movie(&made.fragments);
    let shown = ffmpeg(&format!(
        "-i '{}' -vf select=eq(n\\,20) -frames:v 1 -pix_fmt yuv420p -f rawvideo -",
        movie.path().display()
    ));
    assert_eq!(shown.stdout.len(), chart.width * chart.height * 3 / 2, "{shown:?}");
    shown.stdout
}

/// Of a film's ramp and its patches: the greatest mean, and what 99 of a hundred are not to pass.
struct Limits {
    ramp: (f64, f64),
    patches: (f64, f64),
}

fn assert_within(what: &str, (ramp, patches): &(Differences, Differences), limits: &Limits) {
    println!("{what}, ramp: {ramp}\n{what}, patches: {patches}");
    for (found, limit) in [(ramp, limits.ramp), (patches, limits.patches)] {
        assert!(found.mean() <= limit.0 && found.most() <= limit.1, "{what}: {found}");
    }
}

/// The element itself: in front of an encoder that loses nearly nothing.
const EXACT: Limits = Limits { ramp: (0.15, 0.5), patches: (0.3, 1.2) };
/// Behind the encoder of the rung, at its rate.
const SERVED: Limits = Limits { ramp: (0.5, 1.5), patches: (1.0, 4.0) };
/// GStreamer's converter is so many times as far away.
const TIMES: f64 = 25.0;

fn tones_of(name: &'static str, chart: &Chart) {
    let film = film_of(name, chart);
    let map = map_of(&film, chart);
    let kind = format!("v{}", chart.height);

    let mapped = head_with(&film, &kind, fine);
    let mapped = chart.differences(&map, &picture(&mapped, chart));
    assert_within(&format!("{name} mapped"), &mapped, &EXACT);

    let served = head(&film, &kind, 0).expect("made");
    let served = chart.differences(&map, &picture(&served, chart));
    assert_within(&format!("{name} served"), &served, &SERVED);

    let converted = head_with(&film, &kind, |work| {
        fine(work);
        work.scale = "videoconvert ! video/x-raw,format=I420,colorimetry=bt709".into();
    });
    let converted = chart.differences(&map, &picture(&converted, chart));
    println!("{name} converted, ramp: {}\n{name} converted, patches: {}", converted.0, converted.1);
    for (ours, theirs) in [(&mapped.0, &converted.0), (&mapped.1, &converted.1)] {
        assert!(theirs.mean() >= TIMES * ours.mean(), "videoconvert: {theirs}; tone map: {ours}");
    }
}

#[test]
fn pq_comes_out_as_the_tone_map_says_and_not_as_videoconvert_has_it() {
    tones_of("pq.mkv", &PQ);
}

#[test]
fn hlg_comes_out_as_the_tone_map_says_and_not_as_videoconvert_has_it() {
    tones_of("hlg.mkv", &HLG);
}

#[test]
fn pq_of_full_range_comes_out_as_the_tone_map_says() {
    tones_of("full-range.mkv", &FULL_RANGE);
}

/// Between a source and an encoder, with caps on either side.
fn trial(before: &str, behind: &str) -> Result<Report, String> {
    let encode = format!(
        "videoconvert ! video/x-raw,format=I420_10LE,{before} ! millracetonemap ! video/x-raw,format=I420,{behind}"
    );
    let trial = Trial { encode, width: 322, height: 182 };
    RUNTIME.block_on(POOL.ask(&Request::Try { trial }, None)).map_err(|error| error.to_string())
}

#[test]
fn what_comes_out_says_that_it_is_bt709_and_no_longer_how_it_was_mastered() {
    let light = |level: &str| format!("content-light-level=(string){level}");
    let before = format!("colorimetry=bt2100-pq,{}", light("1000:200"));
    for (behind, fits) in [
        ("colorimetry=bt709", true),
        ("colorimetry=bt2100-pq", false),
        // A field that is there has one value; one that is not may have any.
        (light("1000:200").as_str(), true),
        (light("1:1").as_str(), true),
    ] {
        let report = trial(&before, behind);
        assert_eq!(matches!(report, Ok(Report::Tried { .. })), fits, "{behind}: {report:?}");
    }
}
