//! Frames on the socket: length (u32, little endian, of what follows), a tag byte, the body. Descriptors travel
//! beside the bytes of the request they belong to (`SCM_RIGHTS`).

use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use bytes::Bytes;
use rustix::io::Errno;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags,
};
use serde::{Serialize, de::DeserializeOwned};

use crate::isobmff::Fragment;
use crate::timeline::SegmentIndex;

const TAG_JSON: u8 = 0;
const TAG_FRAGMENT: u8 = 1;
const TAG_ANSWER: u8 = 2;
const TAG_IMAGE: u8 = 3;
/// A fragment is a fraction of a second of video; a request at most a cut list of a very long film.
pub const MAX_FRAME_BYTES: usize = 256 << 20;
const FRAGMENT_HEADER: usize = 4 + 4 + 8 + 8 + 1;
/// Which read, and whether it went well.
const ANSWER_HEADER: usize = 8 + 1;

pub enum Frame {
    Json(Vec<u8>),
    Fragment(Fragment),
    Answer(ReadAnswer),
    Image(Bytes),
}

/// What came of a read of a remote source: its bytes, or why there are none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadAnswer {
    pub id: u64,
    pub outcome: Result<Bytes, String>,
}

#[derive(Debug, thiserror::Error)]
pub enum WireError {
    #[error("the other side closed the socket")]
    Closed,
    #[error("a frame of {0} bytes is over the limit")]
    TooLong(usize),
    #[error("a malformed frame: {0}")]
    Malformed(String),
    #[error("socket: {0}")]
    Socket(#[from] Errno),
}

pub fn json_frame(message: &impl Serialize) -> Vec<u8> {
    let body = serde_json::to_vec(message).unwrap_or_default();
    frame(TAG_JSON, &[&body])
}

pub fn fragment_frame(fragment: &Fragment) -> Vec<u8> {
    let mut header = Vec::with_capacity(FRAGMENT_HEADER);
    header.extend(fragment.segment.0.to_le_bytes());
    header.extend(fragment.part.to_le_bytes());
    header.extend(fragment.start.to_le_bytes());
    header.extend(fragment.duration.to_le_bytes());
    header.push(u8::from(fragment.independent) | u8::from(fragment.last) << 1);
    frame(TAG_FRAGMENT, &[&header, &fragment.bytes])
}

pub fn answer_frame(answer: &ReadAnswer) -> Vec<u8> {
    let body = match &answer.outcome {
        Ok(bytes) => &bytes[..],
        Err(message) => message.as_bytes(),
    };
    frame(TAG_ANSWER, &[&answer.id.to_le_bytes(), &[u8::from(answer.outcome.is_ok())], body])
}

pub fn image_frame(image: &[u8]) -> Vec<u8> {
    frame(TAG_IMAGE, &[image])
}

fn frame(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let length = 1 + parts.iter().map(|part| part.len()).sum::<usize>();
    let mut bytes = Vec::with_capacity(4 + length);
    bytes.extend((length as u32).to_le_bytes());
    bytes.push(tag);
    parts.iter().for_each(|part| bytes.extend_from_slice(part));
    bytes
}

pub fn from_json<T: DeserializeOwned>(body: &[u8]) -> Result<T, WireError> {
    serde_json::from_slice(body).map_err(|error| WireError::Malformed(error.to_string()))
}

/// Takes one whole frame off the front of `buffer`, if there is one.
pub fn take_frame(buffer: &mut Vec<u8>) -> Result<Option<Frame>, WireError> {
    let Some(length) = buffer.first_chunk::<4>().map(|bytes| u32::from_le_bytes(*bytes) as usize) else {
        return Ok(None);
    };
    if length == 0 || length > MAX_FRAME_BYTES {
        return Err(WireError::TooLong(length));
    }
    if buffer.len() < 4 + length {
        buffer.reserve(4 + length - buffer.len());
        return Ok(None);
    }
    let rest = buffer.split_off(4 + length);
    let whole = std::mem::replace(buffer, rest);
    let body = &whole[5..];
    match whole[4] {
        TAG_JSON => Ok(Some(Frame::Json(body.to_vec()))),
        TAG_FRAGMENT => parse_fragment(body).map(|fragment| Some(Frame::Fragment(fragment))),
        TAG_ANSWER => parse_answer(body).map(|answer| Some(Frame::Answer(answer))),
        TAG_IMAGE => Ok(Some(Frame::Image(Bytes::copy_from_slice(body)))),
        tag => Err(WireError::Malformed(format!("unknown tag {tag}"))),
    }
}

fn parse_answer(body: &[u8]) -> Result<ReadAnswer, WireError> {
    let Some((header, rest)) = body.split_first_chunk::<ANSWER_HEADER>() else {
        return Err(WireError::Malformed("a short answer".into()));
    };
    let [id @ .., well] = *header;
    let outcome = match well {
        0 => Err(String::from_utf8_lossy(rest).into_owned()),
        _ => Ok(Bytes::copy_from_slice(rest)),
    };
    Ok(ReadAnswer { id: u64::from_le_bytes(id), outcome })
}

fn parse_fragment(body: &[u8]) -> Result<Fragment, WireError> {
    let Some((header, bytes)) = body.split_first_chunk::<FRAGMENT_HEADER>() else {
        return Err(WireError::Malformed("a short fragment".into()));
    };
    let u32_at = |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
    let i64_at = |at: usize| i64::from(u32_at(at)) | i64::from(u32_at(at + 4)) << 32;
    Ok(Fragment {
        segment: SegmentIndex(u32_at(0)),
        part: u32_at(4),
        start: i64_at(8),
        duration: i64_at(16),
        independent: header[24] & 1 != 0,
        last: header[24] & 2 != 0,
        bytes: bytes.to_vec(),
    })
}

/// Sends as much of `bytes` as the socket takes at once, and with the first of them `descriptor`.
pub fn send(
    socket: impl AsFd,
    bytes: &[u8],
    descriptor: Option<BorrowedFd<'_>>,
    flags: SendFlags,
) -> Result<usize, Errno> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    let descriptors: Vec<BorrowedFd<'_>> = descriptor.into_iter().collect();
    if !descriptors.is_empty() {
        ancillary.push(SendAncillaryMessage::ScmRights(&descriptors));
    }
    rustix::net::sendmsg(socket, &[IoSlice::new(bytes)], &mut ancillary, flags | SendFlags::NOSIGNAL)
}

/// Receives what there is, appending bytes to `buffer` and descriptors to `descriptors`. Zero at the end.
pub fn receive(
    socket: impl AsFd,
    buffer: &mut Vec<u8>,
    descriptors: &mut Vec<OwnedFd>,
) -> Result<usize, Errno> {
    let mut chunk = [0_u8; 64 * 1024];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let received = rustix::net::recvmsg(
        socket,
        &mut [IoSliceMut::new(&mut chunk)],
        &mut ancillary,
        RecvFlags::CMSG_CLOEXEC,
    )?;
    for message in ancillary.drain() {
        if let RecvAncillaryMessage::ScmRights(received) = message {
            descriptors.extend(received);
        }
    }
    buffer.extend_from_slice(&chunk[..received.bytes]);
    Ok(received.bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Seek, Write};
    use std::os::unix::net::UnixStream;

    #[test]
    fn frames_cross_the_socket_whole_and_in_order() {
        let fragment = Fragment {
            segment: SegmentIndex(7),
            part: 2,
            start: 1 << 40,
            duration: 4004,
            independent: true,
            last: false,
            bytes: vec![9; 1000],
        };
        let mut buffer = json_frame(&"hello");
        buffer.extend(fragment_frame(&fragment));
        let whole = buffer.clone();
        let mut partial = whole[..whole.len() - 1].to_vec();
        assert!(matches!(take_frame(&mut buffer), Ok(Some(Frame::Json(body))) if body == b"\"hello\""));
        assert!(matches!(take_frame(&mut buffer), Ok(Some(Frame::Fragment(got))) if got == fragment));
        assert!(buffer.is_empty());
        assert!(take_frame(&mut partial).expect("first").is_some());
        assert!(take_frame(&mut partial).expect("second").is_none());
    }

    #[test]
    fn answers_to_reads_cross_the_socket_with_their_bytes_or_the_reason() {
        for outcome in [Ok(Bytes::from_static(b"bytes")), Ok(Bytes::new()), Err("gone".to_owned())] {
            let answer = ReadAnswer { id: u64::MAX - 1, outcome };
            let mut buffer = answer_frame(&answer);
            assert!(matches!(take_frame(&mut buffer), Ok(Some(Frame::Answer(got))) if got == answer));
        }
        assert!(take_frame(&mut vec![3, 0, 0, 0, TAG_ANSWER, 0, 0]).is_err());
    }

    #[test]
    fn an_image_crosses_the_socket_as_it_is() {
        let mut buffer = image_frame(b"jpeg");
        assert!(matches!(take_frame(&mut buffer), Ok(Some(Frame::Image(image))) if *image == *b"jpeg"));
    }

    #[test]
    fn nonsense_is_refused() {
        for bytes in [vec![0, 0, 0, 0, 0], vec![255; 5], vec![1, 0, 0, 0, 9], vec![2, 0, 0, 0, 1, 0]] {
            assert!(take_frame(&mut bytes.clone()).is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn a_descriptor_travels_with_its_request() {
        let (left, right) = UnixStream::pair().expect("a pair");
        let mut file = tempfile::tempfile().expect("a file");
        file.write_all(b"content").expect("written");
        file.rewind().expect("rewound");
        let bytes = json_frame(&"take this");
        assert_eq!(send(&left, &bytes, Some(file.as_fd()), SendFlags::empty()), Ok(bytes.len()));
        let (mut buffer, mut descriptors) = (Vec::new(), Vec::new());
        receive(&right, &mut buffer, &mut descriptors).expect("received");
        assert!(matches!(take_frame(&mut buffer), Ok(Some(Frame::Json(_)))));
        let mut text = String::new();
        std::fs::File::from(descriptors.remove(0)).read_to_string(&mut text).expect("read");
        assert_eq!(text, "content");
    }
}
