//! What runs inside `millrace worker`: one job at a time, requests from the socket on standard input, media
//! through a descriptor or from the server. Never imported by the server's own code paths except for [`run`].

mod burn;
mod chains;
mod connections;
mod copy;
mod decoder;
mod demux;
mod encode_audio;
mod encode_video;
mod failure;
mod gate;
mod images;
mod output;
mod parameter_sets;
mod probe;
mod remote;
mod rung;
mod scan;
mod sink;
mod source;
mod streams;
mod survey;
mod text;
mod tone_map;
mod trial;

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use super::protocol::{EncodeVideo, Failure, FailureKind, HeadSpec, HeadWork, Report, Request, TextSpec};
use super::sandbox::{self, SandboxStatus};
use super::wire::{self, Frame, WireError};
use connections::Connection;
use gate::Gate;
use output::Output;
use remote::RemoteSource;
use source::SourceBytes;

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

/// A head that works tells so at least this often: well within what the server takes for a hang.
const SIGN_OF_LIFE: Duration = Duration::from_secs(2);

/// Serves requests that come over `socket` until it closes.
///
/// GStreamer is initialised before the sandbox is entered, since that may write the registry of plugins and run the
/// scanner of plugins; nothing of anybody's media has been seen then. With `sandbox_first` it is the other way round.
pub fn run(socket: OwnedFd, sandbox_first: bool) -> Result<(), WireError> {
    end_with_a_panic();
    let reader = UnixStream::from(socket);
    let output = Output::new(reader.try_clone().map_err(|_| WireError::Closed)?);
    let entered = sandbox_first.then(sandbox::enter);
    if let Err(error) =
        gstreamer::init().and_then(|()| source::register()).and_then(|()| tone_map::register())
    {
        output.report(&Report::Failed(Failure::new(FailureKind::Setup, "gstreamer", error.to_string())));
        return Ok(());
    }
    let sandbox = entered.unwrap_or_else(enter_sandbox);
    for name in PRELOADED {
        if let Some(factory) = gstreamer::ElementFactory::find(name) {
            let _loaded = gstreamer::prelude::PluginFeatureExtManual::load(&factory);
        }
    }
    output.report(&Report::Ready { sandbox });

    let connection = Connection::open();
    let served = serve(&reader, &output, &Arc::default());
    drop(connection);
    connections::wait_for_the_last();
    served
}

/// A thread that panics, as where no memory is left to start another one, would leave a process that says nothing, and
/// viewers would wait until it is taken for hanging.
fn end_with_a_panic() {
    let tell = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        tell(panic);
        std::process::abort();
    }));
}

/// Serves the requests of one connection until that is closed: of the head this process was started for, or of one that
/// joined it.
fn serve(reader: &UnixStream, output: &Output, gate: &Arc<Gate>) -> Result<(), WireError> {
    let served = requests(reader, output, gate);
    gate.leave();
    served
}

fn requests(reader: &UnixStream, output: &Output, gate: &Arc<Gate>) -> Result<(), WireError> {
    let (mut buffer, mut descriptors) = (Vec::new(), Vec::new());
    let mut remote: Option<Arc<RemoteSource>> = None;
    loop {
        match wire::receive(reader.as_fd(), &mut buffer, &mut descriptors) {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => continue,
            Err(error) => return Err(error.into()),
        }
        while let Some(frame) = wire::take_frame(&mut buffer)? {
            match frame {
                Frame::Json(body) => match wire::from_json(&body)? {
                    // Goals are set at once; a job runs in a thread of its own, so that goals and bytes reach it.
                    Request::Goal { until } => gate.set(until),
                    Request::Remote { length } => {
                        remote = Some(Arc::new(RemoteSource::new(length, output.clone())));
                    }
                    Request::Join(spec) if !descriptors.is_empty() => join(*spec, descriptors.remove(0))?,
                    job => start(job, source_of(&mut descriptors, remote.as_ref()), output, gate),
                },
                Frame::Answer(answer) => remote.iter().for_each(|remote| remote.answer(answer.clone())),
                Frame::Fragment(_) | Frame::Image(_) => {
                    return Err(WireError::Malformed("media came from the server".into()));
                }
            }
        }
    }
}

/// One more head in this process, which speaks over a socket of its own.
fn join(spec: HeadSpec, socket: OwnedFd) -> Result<(), WireError> {
    let reader = UnixStream::from(socket);
    let output = Output::new(reader.try_clone().map_err(|_| WireError::Closed)?);
    let gate = Arc::new(Gate::default());
    // Before this returns: the head that is joined may leave at once.
    let connection = Connection::open();
    start(Request::Join(Box::new(spec)), None, &output, &gate);
    std::thread::spawn(move || {
        let _closed = serve(&reader, &output, &gate);
        drop(connection);
    });
    Ok(())
}

/// Landlock holds back only the thread that asks for it and those it starts. Plugins that were scanned in this
/// process, where their scanner is missing, may have left threads behind: then everything begins anew, inside.
fn enter_sandbox() -> SandboxStatus {
    let threads = sandbox::threads();
    if threads <= 1 {
        return sandbox::enter();
    }
    let error = Command::new("/proc/self/exe").args(["worker", "--sandbox-first"]).exec();
    let mut status = sandbox::enter();
    status.miss_threads(threads, &error);
    status
}

/// What the next job reads: the descriptor that came with it, or the source that was announced.
fn source_of(descriptors: &mut Vec<OwnedFd>, remote: Option<&Arc<RemoteSource>>) -> Option<SourceBytes> {
    if descriptors.is_empty() {
        return remote.cloned().map(SourceBytes::Remote);
    }
    Some(SourceBytes::File(File::from(descriptors.remove(0))))
}

fn start(job: Request, source: Option<SourceBytes>, output: &Output, gate: &Arc<Gate>) {
    if let Request::Head(spec) | Request::Join(spec) = &job {
        // Before the next request is read: it may be another goal.
        gate.set(spec.until);
    }
    let (output, gate) = (output.clone(), gate.clone());
    std::thread::spawn(move || {
        let report = perform(job, source, &output, &gate).unwrap_or_else(Report::Failed);
        output.report(&report);
    });
}

fn perform(
    request: Request,
    source: Option<SourceBytes>,
    output: &Output,
    gate: &Gate,
) -> Result<Report, Failure> {
    let source = || {
        source
            .map(Arc::new)
            .ok_or_else(|| Failure::new(FailureKind::Source, "socket", "no descriptor came along"))
    };
    match request {
        Request::Parse { texts } => Ok(Report::Parsed { problems: trial::parse(&texts) }),
        Request::Try { trial } => trial::run(&trial),
        Request::Probe => probe::run(source()?),
        Request::Scan { input, codec } => scan::run(source()?, &input, &codec)
            .map(|scanned| Report::Scanned { index: Box::new(scanned.index) }),
        Request::Text(spec) => text(&source()?, &spec, output),
        Request::TextFile(spec) => text::read_file(&*source()?, &spec, output),
        Request::Images(spec) => {
            give_signs_of_life(output.clone());
            images::run(source()?, &spec)
        }
        Request::Head(spec) => head(&source()?, *spec, output, gate),
        Request::Join(spec) => joined(&spec, output, gate),
        Request::Attempt => Ok(Report::Attempted { attempts: sandbox::attempt_all() }),
        Request::Goal { .. } | Request::Remote { .. } => {
            Err(Failure::new(FailureKind::Setup, "socket", "this is no job"))
        }
    }
}

fn text(source: &Arc<SourceBytes>, spec: &TextSpec, output: &Output) -> Result<Report, Failure> {
    give_signs_of_life(output.clone());
    text::run(source, spec, output)
}

fn head(source: &Arc<SourceBytes>, spec: HeadSpec, output: &Output, gate: &Gate) -> Result<Report, Failure> {
    give_signs_of_life(output.clone());
    let out = output::HeadOutput::new(output, gate, spec.start, spec.first_part);
    let early = match &spec.work {
        HeadWork::EncodeVideo(work) => encode_video::run(source, &spec, work, &out)?,
        HeadWork::EncodeAudio(work) => encode_audio::run(source, &spec, work, &out)?,
        HeadWork::CopyVideo(work) => copy::video(source, &spec, work, &out)?,
        HeadWork::CopyAudio(work) => copy::audio(source, &spec, work, &out)?,
    };
    Ok(Report::End { early })
}

fn joined(spec: &HeadSpec, output: &Output, gate: &Gate) -> Result<Report, Failure> {
    // Subtitles are drawn into frames that are scaled already.
    let HeadWork::EncodeVideo(work @ EncodeVideo { burn: None, .. }) = &spec.work else {
        return Ok(Report::Unfit);
    };
    give_signs_of_life(output.clone());
    let out = output::HeadOutput::new(output, gate, spec.start, spec.first_part);
    Ok(encode_video::join(spec, work, &out)?.map_or(Report::Unfit, |early| Report::End { early }))
}

/// Tells the server that the source is being read, which goes on for long before the first fragment where many
/// frames lie between a keyframe and the cut. The thread ends with its connection.
#[allow(
    clippy::disallowed_methods,
    reason = "the worker's watchdog looks from time to time; no event says that nothing happens"
)]
fn give_signs_of_life(output: Output) {
    std::thread::spawn(move || {
        let mut seen = source::reads();
        while !output.is_closed() {
            std::thread::sleep(SIGN_OF_LIFE);
            let reads = source::reads();
            if reads != seen {
                output.report(&Report::Working);
            }
            seen = reads;
        }
    });
}
