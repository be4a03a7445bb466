//! The init segment (CMAF header, ISO/IEC 23000-19 section 7.3.1) of one track.

use serde::{Deserialize, Serialize};

use super::boxes::Boxes;
use crate::media::Colour;

/// What a decoder has to know, per codec.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SampleEntry {
    Video(VideoEntry),
    Audio(AudioEntry),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VideoEntry {
    /// `avc1`, `hvc1`, `av01` or `vp09`.
    pub format: [u8; 4],
    /// The configuration record's box (`avcC`, `hvcC`, `av1C`, `vpcC`) and its body.
    pub config: ([u8; 4], Vec<u8>),
    pub width: u16,
    pub height: u16,
    pub sample_aspect: (u32, u32),
    pub colour: Colour,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AudioEntry {
    pub codec: AudioCodec,
    pub channels: u16,
    pub sample_rate: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AudioCodec {
    /// AudioSpecificConfig (ISO/IEC 14496-3 section 1.6.2.1).
    Aac(Vec<u8>),
    /// OpusHead without its magic, as in Matroska and Ogg (RFC 7845 section 5.1), little endian.
    Opus(Vec<u8>),
    /// Body of `dac3` (ETSI TS 102 366 annex F.4).
    Ac3(Vec<u8>),
    /// Body of `dec3` (annex F.6).
    Eac3(Vec<u8>),
    /// STREAMINFO (RFC 9639 section 8.2).
    Flac(Vec<u8>),
}

/// Of the only track of a rendition.
const TRACK_ID: u32 = 1;
/// 3×3 unity matrix (section 8.2.2).
const UNITY: [u32; 9] = [0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x4000_0000];
/// `und`, packed as three five-bit letters (section 8.4.2): languages are the manifests' business.
const LANGUAGE_UNDETERMINED: u16 = 0x55c4;

/// `ftyp` and `moov` of a track with one sample entry; no samples, no duration, creation times zero, so that
/// every head of a rendition makes the same bytes.
pub fn init_segment(entry: &SampleEntry, timescale: u32) -> Vec<u8> {
    movie_header(&[(entry, timescale)])
}

/// The same for several tracks, numbered from one, with their timescales: a fragmented movie in one file.
pub fn movie_header(tracks: &[(&SampleEntry, u32)]) -> Vec<u8> {
    let timescale = tracks.first().map_or(1000, |(_, timescale)| *timescale);
    let mut b = Boxes::new();
    b.put(b"ftyp", |b| {
        // cmf2 allows what we do: version 1 `trun` with negative offsets and no edit list (section 7.7.3).
        b.raw(b"iso6").u32(0).raw(b"iso6").raw(b"cmfc").raw(b"cmf2").raw(b"mp41");
    });
    b.put(b"moov", |b| {
        b.put_full(b"mvhd", 0, 0, |b| {
            b.u32(0).u32(0).u32(timescale).u32(0).u32(0x10000).u16(0x100).zeros(10);
            matrix(b);
            b.zeros(24).u32(TRACK_ID + tracks.len() as u32);
        });
        for (id, (entry, timescale)) in (TRACK_ID..).zip(tracks) {
            track(b, entry, *timescale, id);
        }
        b.put(b"mvex", |b| {
            for (id, _) in (TRACK_ID..).zip(tracks) {
                b.put_full(b"trex", 0, 0, |b| {
                    b.u32(id).u32(1).u32(0).u32(0).u32(0);
                });
            }
        });
    });
    b.into_bytes()
}

fn matrix(b: &mut Boxes) {
    for value in UNITY {
        b.u32(value);
    }
}

fn track(b: &mut Boxes, entry: &SampleEntry, timescale: u32, id: u32) {
    b.put(b"trak", |b| {
        // Enabled, in movie, in preview.
        b.put_full(b"tkhd", 0, 7, |b| {
            b.u32(0).u32(0).u32(id).u32(0).u32(0).zeros(8).u16(0).u16(0);
            b.u16(if matches!(entry, SampleEntry::Audio(_)) { 0x100 } else { 0 }).u16(0);
            matrix(b);
            let (width, height) = display_size(entry);
            b.u32(width).u32(height);
        });
        b.put(b"mdia", |b| {
            b.put_full(b"mdhd", 0, 0, |b| {
                b.u32(0).u32(0).u32(timescale).u32(0).u16(LANGUAGE_UNDETERMINED).u16(0);
            });
            b.put_full(b"hdlr", 0, 0, |b| {
                let (kind, name): (_, &[u8]) = match entry {
                    SampleEntry::Video(_) => (b"vide", b"video\0"),
                    SampleEntry::Audio(_) => (b"soun", b"audio\0"),
                };
                b.u32(0).raw(kind).zeros(12).raw(name);
            });
            b.put(b"minf", |b| {
                match entry {
                    SampleEntry::Video(_) => b.put_full(b"vmhd", 0, 1, |b| {
                        b.zeros(8);
                    }),
                    SampleEntry::Audio(_) => b.put_full(b"smhd", 0, 0, |b| {
                        b.zeros(4);
                    }),
                }
                b.put(b"dinf", |b| {
                    b.put_full(b"dref", 0, 0, |b| {
                        b.u32(1);
                        // Flag 1: the media is in this file.
                        b.put_full(b"url ", 0, 1, |_| {});
                    });
                });
                b.put(b"stbl", |b| {
                    b.put_full(b"stsd", 0, 0, |b| {
                        b.u32(1);
                        sample_entry(b, entry);
                    });
                    for empty in [b"stts", b"stsc", b"stco"] {
                        b.put_full(empty, 0, 0, |b| {
                            b.u32(0);
                        });
                    }
                    b.put_full(b"stsz", 0, 0, |b| {
                        b.u32(0).u32(0);
                    });
                });
            });
        });
    });
}

/// Display width and height as 16.16 fixed point: coded size with the sample aspect applied to the width.
fn display_size(entry: &SampleEntry) -> (u32, u32) {
    match entry {
        SampleEntry::Audio(_) => (0, 0),
        SampleEntry::Video(video) => {
            let (num, den) = video.sample_aspect;
            let width = u64::from(video.width) * 0x10000 * u64::from(num) / u64::from(den.max(1));
            (width.min(u64::from(u32::MAX)) as u32, u32::from(video.height) << 16)
        }
    }
}

fn sample_entry(b: &mut Boxes, entry: &SampleEntry) {
    match entry {
        SampleEntry::Video(video) => visual_entry(b, video),
        SampleEntry::Audio(audio) => audio_entry(b, audio),
    }
}

fn visual_entry(b: &mut Boxes, video: &VideoEntry) {
    b.put(&video.format, |b| {
        b.zeros(6).u16(1).zeros(16).u16(video.width).u16(video.height);
        // 72 dpi twice, one frame per sample, no compressor name, 24-bit depth, no colour table.
        b.u32(0x48_0000).u32(0x48_0000).u32(0).u16(1).zeros(32).u16(0x18).u16(0xffff);
        b.put(&video.config.0, |b| {
            b.raw(&video.config.1);
        });
        let colour = &video.colour;
        if (colour.primaries, colour.transfer, colour.matrix) != (2, 2, 2) {
            b.put(b"colr", |b| {
                b.raw(b"nclx").u16(colour.primaries.into()).u16(colour.transfer.into());
                b.u16(colour.matrix.into()).u8(u8::from(colour.full_range) << 7);
            });
        }
        b.put(b"pasp", |b| {
            b.u32(video.sample_aspect.0).u32(video.sample_aspect.1);
        });
    });
}

fn audio_entry(b: &mut Boxes, audio: &AudioEntry) {
    let format = match audio.codec {
        AudioCodec::Aac(_) => b"mp4a",
        AudioCodec::Opus(_) => b"Opus",
        AudioCodec::Ac3(_) => b"ac-3",
        AudioCodec::Eac3(_) => b"ec-3",
        AudioCodec::Flac(_) => b"fLaC",
    };
    b.put(format, |b| {
        // The rate is 16.16; one that does not fit is left to the codec's own configuration.
        let rate = u16::try_from(audio.sample_rate).unwrap_or(0);
        b.zeros(6).u16(1).zeros(8).u16(audio.channels).u16(16).zeros(4).u16(rate).u16(0);
        match &audio.codec {
            AudioCodec::Aac(config) => esds(b, config),
            AudioCodec::Opus(head) => dops(b, head),
            AudioCodec::Ac3(config) => b.put(b"dac3", |b| {
                b.raw(config);
            }),
            AudioCodec::Eac3(config) => b.put(b"dec3", |b| {
                b.raw(config);
            }),
            AudioCodec::Flac(stream_info) => dfla(b, stream_info),
        }
    });
}

/// ES_Descriptor (ISO/IEC 14496-1 section 7.2.6.5) around an AudioSpecificConfig.
fn esds(b: &mut Boxes, config: &[u8]) {
    // A descriptor's length takes one byte here: a longer configuration than this does not exist.
    let config = &config[..config.len().min(64)];
    let decoder_config = 13 + 2 + config.len();
    b.put_full(b"esds", 0, 0, |b| {
        b.u8(0x03).u8((3 + 2 + decoder_config + 3) as u8).u16(TRACK_ID as u16).u8(0);
        // Object type 0x40: ISO/IEC 14496-3 audio; stream type 5: audio.
        b.u8(0x04).u8(decoder_config as u8).u8(0x40).u8(0x15).zeros(11);
        b.u8(0x05).u8(config.len() as u8).raw(config);
        b.u8(0x06).u8(1).u8(2);
    });
}

/// OpusSpecificBox ("Encapsulation of Opus in ISO Base Media File Format" section 4.3.2): OpusHead's fields,
/// version 0 and big endian.
fn dops(b: &mut Boxes, head: &[u8]) {
    b.put(b"dOps", |b| {
        let field = |at: usize, len: usize| {
            let mut bytes = head.get(at..at + len).unwrap_or(&[0; 4][..len]).to_vec();
            bytes.reverse();
            bytes
        };
        b.u8(0).raw(&field(1, 1)).raw(&field(2, 2)).raw(&field(4, 4)).raw(&field(8, 2));
        b.raw(head.get(10..).filter(|rest| !rest.is_empty()).unwrap_or(&[0]));
    });
}

/// FLACSpecificBox ("Encapsulation of FLAC in ISO Base Media File Format" section 3.3.2): STREAMINFO as the last, and
/// only, metadata block.
fn dfla(b: &mut Boxes, stream_info: &[u8]) {
    b.put_full(b"dfLa", 0, 0, |b| {
        b.u8(0x80).u8(0).u16(stream_info.len() as u16).raw(stream_info);
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use mp4_atom::{Atom, Header, ReadAtom, ReadFrom};

    fn read(bytes: &[u8]) -> (mp4_atom::Ftyp, mp4_atom::Moov) {
        let mut cursor = std::io::Cursor::new(bytes);
        let header = Header::read_from(&mut cursor).expect("ftyp header");
        let ftyp = mp4_atom::Ftyp::read_atom(&header, &mut cursor).expect("ftyp");
        let header = Header::read_from(&mut cursor).expect("moov header");
        assert_eq!(header.kind, mp4_atom::Moov::KIND);
        let moov = mp4_atom::Moov::read_atom(&header, &mut cursor).expect("moov");
        assert_eq!(cursor.position(), bytes.len() as u64);
        (ftyp, moov)
    }

    #[test]
    fn an_independent_reader_reads_a_video_init() {
        let avcc = [1, 0x4d, 0x40, 0x28, 0xff, 0xe1, 0, 4, 0x67, 0x4d, 0x40, 0x28, 1, 0, 2, 0x68, 0xee];
        let entry = SampleEntry::Video(VideoEntry {
            format: *b"avc1",
            config: (*b"avcC", avcc.to_vec()),
            width: 720,
            height: 576,
            sample_aspect: (16, 11),
            colour: Colour { primaries: 1, transfer: 1, matrix: 1, full_range: false, hdr: None, peak: None },
        });
        let (_, moov) = read(&init_segment(&entry, 25_600));
        let track = &moov.trak[0];
        assert_eq!(track.mdia.mdhd.timescale, 25_600);
        assert_eq!(track.tkhd.width.integer(), 1047);
        let mp4_atom::Codec::Avc1(avc1) = &track.mdia.minf.stbl.stsd.codecs[0] else {
            panic!("avc1 expected");
        };
        assert_eq!((avc1.visual.width, avc1.visual.height), (720, 576));
        assert_eq!(avc1.avcc.avc_profile_indication, 0x4d);
        assert_eq!(avc1.pasp.as_ref().map(|pasp| (pasp.h_spacing, pasp.v_spacing)), Some((16, 11)));
        assert!(avc1.colr.is_some());
        assert!(track.edts.is_none());
    }

    #[test]
    fn an_independent_reader_reads_aac_and_opus_inits() {
        let aac = AudioEntry { codec: AudioCodec::Aac(vec![0x11, 0x90]), channels: 2, sample_rate: 48_000 };
        let (_, moov) = read(&init_segment(&SampleEntry::Audio(aac), 48_000));
        let mp4_atom::Codec::Mp4a(mp4a) = &moov.trak[0].mdia.minf.stbl.stsd.codecs[0] else {
            panic!("mp4a expected");
        };
        assert_eq!(mp4a.audio.sample_rate.integer(), 48_000);
        assert_eq!(mp4a.esds.es_desc.dec_config.object_type_indication, 0x40);
        let head = vec![1, 2, 0x38, 0x01, 0x80, 0xbb, 0, 0, 0, 0, 0];
        let opus = AudioEntry { codec: AudioCodec::Opus(head), channels: 2, sample_rate: 48_000 };
        let (_, moov) = read(&init_segment(&SampleEntry::Audio(opus), 48_000));
        let mp4_atom::Codec::Opus(opus) = &moov.trak[0].mdia.minf.stbl.stsd.codecs[0] else {
            panic!("Opus expected");
        };
        assert_eq!((opus.dops.output_channel_count, opus.dops.pre_skip), (2, 312));
        assert_eq!(opus.dops.input_sample_rate, 48_000);
    }
}
