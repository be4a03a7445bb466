//! What runs inside `millrace worker`: one job at a time, requests from the socket on standard input, media
//! through a descriptor. Never imported by the server's own code paths except for [`run`].

mod chains;
mod copy;
mod demux;
mod encode_audio;
mod encode_video;
mod failure;
mod gate;
mod output;
mod parameter_sets;
mod probe;
mod scan;
mod sink;
mod source;
mod streams;
mod survey;
mod trial;

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use super::protocol::{Failure, FailureKind, HeadSpec, HeadWork, Report, Request};
use super::wire::{self, Frame, WireError};
use gate::Gate;
use output::Output;

/// Elements that most jobs use: loaded while the worker waits, so that a start does not.
const PRELOADED: [&str; 12] = [
    "appsink",
    "appsrc",
    "queue",
    "qtdemux",
    "matroskademux",
    "h264parse",
    "avdec_h264",
    "x264enc",
    "aacparse",
    "voaacenc",
    "videoconvertscale",
    "audioconvert",
];

/// Serves requests that come over `socket` until it closes.
pub fn run(socket: OwnedFd) -> Result<(), WireError> {
    let reader = UnixStream::from(socket);
    let output = Output::new(reader.try_clone().map_err(|_| WireError::Closed)?);
    if let Err(error) = gstreamer::init().and_then(|()| source::register()) {
        output.report(&Report::Failed(Failure::new(FailureKind::Setup, "gstreamer", error.to_string())));
        return Ok(());
    }
    for name in PRELOADED {
        if let Some(factory) = gstreamer::ElementFactory::find(name) {
            let _loaded = gstreamer::prelude::PluginFeatureExtManual::load(&factory);
        }
    }
    output.report(&Report::Ready);

    let gate = Arc::new(Gate::default());
    let (mut buffer, mut descriptors) = (Vec::new(), Vec::new());
    loop {
        match wire::receive(reader.as_fd(), &mut buffer, &mut descriptors) {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => continue,
            Err(error) => return Err(error.into()),
        }
        while let Some(frame) = wire::take_frame(&mut buffer)? {
            let Frame::Json(body) = frame else {
                return Err(WireError::Malformed("a fragment came from the server".into()));
            };
            start(wire::from_json(&body)?, &mut descriptors, &output, &gate);
        }
    }
}

/// Goals are set at once; a job runs in a thread of its own, so that goals reach it.
fn start(request: Request, descriptors: &mut Vec<OwnedFd>, output: &Output, gate: &Arc<Gate>) {
    if let Request::Goal { segment } = request {
        gate.open_to(segment);
        return;
    }
    let source = (!descriptors.is_empty()).then(|| File::from(descriptors.remove(0)));
    let (output, gate) = (output.clone(), gate.clone());
    std::thread::spawn(move || {
        let report = perform(request, source, &output, &gate).unwrap_or_else(Report::Failed);
        output.report(&report);
    });
}

fn perform(request: Request, source: Option<File>, output: &Output, gate: &Gate) -> Result<Report, Failure> {
    let source = || {
        source
            .map(Arc::new)
            .ok_or_else(|| Failure::new(FailureKind::Source, "socket", "no descriptor came along"))
    };
    match request {
        Request::Parse { texts } => Ok(Report::Parsed { problems: trial::parse(&texts) }),
        Request::Try { trial } => trial::run(&trial),
        Request::Probe => probe::run(source()?),
        Request::Scan { input, codec } => {
            scan::run(source()?, &input, &codec).map(|index| Report::Scanned { index: Box::new(index) })
        }
        Request::Head(spec) => head(&source()?, *spec, output, gate),
        Request::Goal { .. } => Err(Failure::new(FailureKind::Setup, "socket", "a goal is no job")),
    }
}

fn head(source: &Arc<File>, spec: HeadSpec, output: &Output, gate: &Gate) -> Result<Report, Failure> {
    gate.open_to(spec.goal);
    let out = output::HeadOutput::new(output, gate);
    let early = match &spec.work {
        HeadWork::EncodeVideo(work) => encode_video::run(source, &spec, work, &out)?,
        HeadWork::EncodeAudio(work) => encode_audio::run(source, &spec, work, &out)?,
        HeadWork::CopyVideo(work) => copy::video(source, &spec, work, &out)?,
        HeadWork::CopyAudio(work) => copy::audio(source, &spec, work, &out)?,
    };
    Ok(Report::End { early })
}
