//! Parameter sets of an encoded head: in its sample entry, and in front of every random access point, so that
//! segments of differently configured encoders can follow one frozen init.

use gstreamer as gst;

use super::{failure, sink};
use crate::isobmff::SampleEntry;
use crate::media::avc::{Misfit, Promise};
use crate::media::nal;
use crate::worker::protocol::{EncodeVideo, Failure, FailureKind};

pub struct ParameterSets {
    codec: String,
    config: Vec<u8>,
    /// None where no table says what every encoder of the codec has to meet.
    promise: Option<Promise>,
}

impl ParameterSets {
    /// From the first coded sample; and the rendition's sample entry, complete.
    pub fn read(work: &EncodeVideo, sample: &gst::Sample) -> Result<(Self, SampleEntry), Failure> {
        let mut config = codec_data(sample)?;
        let promise = promised(work);
        if let Some(promise) = &promise {
            config = promise.record(&config).map_err(|misfit| refused(work, &misfit))?;
        }
        let mut entry = work.entry.clone();
        if let SampleEntry::Video(video) = &mut entry {
            video.config.1.clone_from(&config);
        }
        Ok((Self { codec: work.codec.clone(), config, promise }, entry))
    }

    /// A random access point that brings its sets.
    pub fn ahead_of(&self, work: &EncodeVideo, data: Vec<u8>) -> Result<Vec<u8>, Failure> {
        if let Some(promise) = &self.promise {
            return promise.with_sets(&self.config, &data).map_err(|misfit| refused(work, &misfit));
        }
        if nal::starts_with_parameter_set(&self.codec, &data) {
            return Ok(data);
        }
        let mut whole = nal::parameter_sets(&self.codec, &self.config).unwrap_or_default();
        whole.extend(data);
        Ok(whole)
    }
}

/// The table's row: profile and level come in the sample entry, in place of the configuration record.
fn promised(work: &EncodeVideo) -> Option<Promise> {
    let SampleEntry::Video(video) = &work.entry else { return None };
    let &[_, _, _, level] = video.config.1.as_slice() else { return None };
    let (width, height) = (video.width.into(), video.height.into());
    (work.codec == "h264").then(|| Promise { level, width, height, colour: video.colour.clone() })
}

fn refused(work: &EncodeVideo, misfit: &Misfit) -> Failure {
    Failure::new(
        FailureKind::Encoder,
        work.codec.clone(),
        format!("not what the rendition promises: {misfit}"),
    )
}

pub fn codec_data(sample: &gst::Sample) -> Result<Vec<u8>, Failure> {
    let missing = || failure::setup("parser", "no codec_data in the caps");
    let structure = sample.caps().and_then(|caps| caps.structure(0)).ok_or_else(missing)?;
    let data = structure.get::<gst::Buffer>("codec_data").map_err(|_| missing())?;
    sink::bytes_of(&data)
}
