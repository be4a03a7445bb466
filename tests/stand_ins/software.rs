//! What really does the work: launch texts of software, the same for all families. Small pictures and speed are what
//! tests want; encoders make no keyframes but those that are asked for, or that a property demands.

pub const H264_DECODER: &str = "avdec_h264 max-threads=1 ! videoconvert";
pub const H265_DECODER: &str = "avdec_h265 max-threads=1 ! videoconvert";
pub const AV1_DECODER: &str = "av1parse ! av1dec ! videoconvert";
pub const VP8_DECODER: &str = "vp8dec threads=1 ! videoconvert";
pub const VP9_DECODER: &str = "vp9dec threads=1 ! videoconvert";
pub const MPEG2_DECODER: &str = "avdec_mpeg2video max-threads=1 ! videoconvert";

pub const H264_ENCODER: &str =
    "videoconvert ! x264enc name=codec speed-preset=superfast tune=zerolatency option-string=scenecut=0";
pub const H265_ENCODER: &str = "videoconvert ! x265enc name=codec speed-preset=ultrafast tune=zerolatency \
                                option-string=scenecut=0:open-gop=0";
pub const AV1_ENCODER: &str = "videoconvert ! av1enc name=codec usage-profile=realtime cpu-used=10 end-usage=cbr \
                               max-quantizer=63 threads=2 ! av1parse";
