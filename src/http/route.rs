//! Every address there is. A variant has to say its methods, access, cache policy, CORS and body limit below,
//! and its template, which `openapi.json` describes.

use http::Method;

use crate::base::ids::FileId;
use crate::rendition::Transport;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// A file of the web app, `index.html` for the root.
    Page(String),
    Health,
    Ready,
    Metrics,
    Files,
    File(FileId),
    Position(FileId),
    View(FileId),
    Scan,
    ScanStatus,
    StreamStart(FileId),
    StreamStop(FileId),
    Streams,
    Events,
    Hardware,
    OpenApi,
    HlsIndex(FileId),
    DashManifest(FileId),
    MediaPlaylist(FileId, String),
    Init(FileId, String),
    Segment(FileId, String, u32),
    /// One part of a segment.
    Part(FileId, String, u32, u32),
    /// A segment of text.
    TextSegment(FileId, String, u32),
    /// One part of it.
    TextPart(FileId, String, u32, u32),
    /// A text as one file.
    Text(FileId, String),
    /// A sheet of small pictures.
    Sheet(FileId, String, u32),
    LiveIndex(FileId),
    LivePlaylist(FileId, String),
    LiveManifest(FileId),
    /// The clock of the live edge.
    LiveTime,
    TransportIndex(FileId),
    /// What is in the stream: names of renditions.
    TransportPlaylist(FileId, String),
    TransportSegment(FileId, String, u32),
    /// A segment of text that goes with transport streams.
    TransportText(FileId, String, u32),
    Direct(FileId),
}

/// Who may ask. All of it is for the viewers that `[access]` names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    Viewer,
    /// Viewers, but no page of a foreign origin on their behalf.
    OwnPages,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cache {
    /// Tells what is now.
    No,
    /// Kept, and asked about each time.
    Revalidate,
    /// The address changes with the content.
    Immutable,
}

/// A JSON body of ours has a handful of fields.
const JSON_BODY_BYTES: usize = 64 << 10;
/// The first part of what is not a page.
const NOT_PAGES: [&str; 10] =
    ["api", "hls", "dash", "live", "media", "ts", "direct", "healthz", "readyz", "metrics"];
const HASHED_ASSETS: &str = "assets/";

impl Route {
    /// `None` for what is no address, malformed ids included.
    pub fn parse(parts: &[impl AsRef<str>]) -> Option<Self> {
        let parts: Vec<&str> = parts.iter().map(AsRef::as_ref).collect();
        Some(match parts.as_slice() {
            [] => Self::Page("index.html".to_owned()),
            ["healthz"] => Self::Health,
            ["readyz"] => Self::Ready,
            ["metrics"] => Self::Metrics,
            ["api", "files"] => Self::Files,
            ["api", "files", id] => Self::File(id.parse().ok()?),
            ["api", "files", id, "position"] => Self::Position(id.parse().ok()?),
            ["api", "files", id, "view"] => Self::View(id.parse().ok()?),
            ["api", "scan"] => Self::Scan,
            ["api", "scan", "status"] => Self::ScanStatus,
            ["api", "stream", id, "start"] => Self::StreamStart(id.parse().ok()?),
            ["api", "stream", id, "stop"] => Self::StreamStop(id.parse().ok()?),
            ["api", "streams"] => Self::Streams,
            ["api", "events"] => Self::Events,
            ["api", "hardware"] => Self::Hardware,
            ["api", "openapi.json"] => Self::OpenApi,
            ["hls", id, "index.m3u8"] => Self::HlsIndex(id.parse().ok()?),
            ["dash", id, "manifest.mpd"] => Self::DashManifest(id.parse().ok()?),
            ["media", id, name, "index.m3u8"] => Self::MediaPlaylist(id.parse().ok()?, rendition(name)?),
            ["media", id, name, "init.mp4"] => Self::Init(id.parse().ok()?, rendition(name)?),
            ["media", id, name, "all.vtt"] => Self::Text(id.parse().ok()?, rendition(name)?),
            ["media", id, name, text] if text.ends_with(".vtt") => {
                let (id, rendition, text) = (id.parse().ok()?, rendition(name)?, text.strip_suffix(".vtt")?);
                match text.split_once('.') {
                    None => Self::TextSegment(id, rendition, number(text)?),
                    Some((segment, part)) => Self::TextPart(id, rendition, number(segment)?, number(part)?),
                }
            }
            ["media", id, name, sheet] if sheet.ends_with(".jpg") => {
                let n = number(sheet.strip_suffix(".jpg")?)?;
                Self::Sheet(id.parse().ok()?, rendition(name)?, n)
            }
            ["media", id, name, media] => {
                let (id, rendition) = (id.parse().ok()?, rendition(name)?);
                match media.strip_suffix(".m4s")?.split_once('.') {
                    None => Self::Segment(id, rendition, number(media.strip_suffix(".m4s")?)?),
                    Some((segment, part)) => Self::Part(id, rendition, number(segment)?, number(part)?),
                }
            }
            ["live", "time"] => Self::LiveTime,
            ["live", id, "index.m3u8"] => Self::LiveIndex(id.parse().ok()?),
            ["live", id, "manifest.mpd"] => Self::LiveManifest(id.parse().ok()?),
            ["live", id, name, "index.m3u8"] => Self::LivePlaylist(id.parse().ok()?, rendition(name)?),
            ["ts", id, "index.m3u8"] => Self::TransportIndex(id.parse().ok()?),
            ["ts", id, name, "index.m3u8"] => Self::TransportPlaylist(id.parse().ok()?, renditions(name)?),
            ["ts", id, name, text] if text.ends_with(".vtt") => {
                let segment = number(text.strip_suffix(".vtt")?)?;
                Self::TransportText(id.parse().ok()?, rendition(name)?, segment)
            }
            ["ts", id, name, media] => {
                let segment = number(media.strip_suffix(".ts")?)?;
                Self::TransportSegment(id.parse().ok()?, renditions(name)?, segment)
            }
            ["direct", id] => Self::Direct(id.parse().ok()?),
            [first, ..] if NOT_PAGES.contains(first) => return None,
            page if page.contains(&"") => return None,
            page => Self::Page(page.join("/")),
        })
    }

    pub fn template(&self) -> &'static str {
        match self {
            Self::Page(_) => "/",
            Self::Health => "/healthz",
            Self::Ready => "/readyz",
            Self::Metrics => "/metrics",
            Self::Files => "/api/files",
            Self::File(_) => "/api/files/{id}",
            Self::Position(_) => "/api/files/{id}/position",
            Self::View(_) => "/api/files/{id}/view",
            Self::Scan => "/api/scan",
            Self::ScanStatus => "/api/scan/status",
            Self::StreamStart(_) => "/api/stream/{id}/start",
            Self::StreamStop(_) => "/api/stream/{id}/stop",
            Self::Streams => "/api/streams",
            Self::Events => "/api/events",
            Self::Hardware => "/api/hardware",
            Self::OpenApi => "/api/openapi.json",
            Self::HlsIndex(_) => "/hls/{id}/index.m3u8",
            Self::DashManifest(_) => "/dash/{id}/manifest.mpd",
            Self::MediaPlaylist(..) => "/media/{id}/{rendition}/index.m3u8",
            Self::Init(..) => "/media/{id}/{rendition}/init.mp4",
            Self::Segment(..) => "/media/{id}/{rendition}/{n}.m4s",
            Self::Part(..) => "/media/{id}/{rendition}/{n}.{part}.m4s",
            Self::TextSegment(..) => "/media/{id}/{rendition}/{n}.vtt",
            Self::TextPart(..) => "/media/{id}/{rendition}/{n}.{part}.vtt",
            Self::Text(..) => "/media/{id}/{rendition}/all.vtt",
            Self::Sheet(..) => "/media/{id}/{rendition}/{n}.jpg",
            Self::LiveIndex(_) => "/live/{id}/index.m3u8",
            Self::LivePlaylist(..) => "/live/{id}/{rendition}/index.m3u8",
            Self::LiveManifest(_) => "/live/{id}/manifest.mpd",
            Self::LiveTime => "/live/time",
            Self::TransportIndex(_) => "/ts/{id}/index.m3u8",
            Self::TransportPlaylist(..) => "/ts/{id}/{renditions}/index.m3u8",
            Self::TransportSegment(..) => "/ts/{id}/{renditions}/{n}.ts",
            Self::TransportText(..) => "/ts/{id}/{rendition}/{n}.vtt",
            Self::Direct(_) => "/direct/{id}",
        }
    }

    /// Besides OPTIONS, which every route answers.
    pub fn methods(&self) -> &'static [Method] {
        match self {
            Self::Page(_)
            | Self::Health
            | Self::Ready
            | Self::Metrics
            | Self::Files
            | Self::File(_)
            | Self::ScanStatus
            | Self::Streams
            | Self::Events
            | Self::Hardware
            | Self::OpenApi
            | Self::HlsIndex(_)
            | Self::DashManifest(_)
            | Self::MediaPlaylist(..)
            | Self::Init(..)
            | Self::Segment(..)
            | Self::Part(..)
            | Self::TextSegment(..)
            | Self::TextPart(..)
            | Self::Text(..)
            | Self::Sheet(..)
            | Self::LiveIndex(_)
            | Self::LivePlaylist(..)
            | Self::LiveManifest(_)
            | Self::LiveTime
            | Self::TransportIndex(_)
            | Self::TransportPlaylist(..)
            | Self::TransportSegment(..)
            | Self::TransportText(..)
            | Self::Direct(_) => &[Method::GET, Method::HEAD],
            Self::Position(_) => &[Method::PUT],
            Self::View(_) | Self::Scan | Self::StreamStart(_) | Self::StreamStop(_) => &[Method::POST],
        }
    }

    pub fn access(&self) -> Access {
        match self {
            Self::Page(_)
            | Self::Health
            | Self::Ready
            | Self::Metrics
            | Self::HlsIndex(_)
            | Self::DashManifest(_)
            | Self::MediaPlaylist(..)
            | Self::Init(..)
            | Self::Segment(..)
            | Self::Part(..)
            | Self::TextSegment(..)
            | Self::TextPart(..)
            | Self::Text(..)
            | Self::Sheet(..)
            | Self::LiveIndex(_)
            | Self::LivePlaylist(..)
            | Self::LiveManifest(_)
            | Self::LiveTime
            | Self::TransportIndex(_)
            | Self::TransportPlaylist(..)
            | Self::TransportSegment(..)
            | Self::TransportText(..)
            | Self::Direct(_) => Access::Viewer,
            Self::Files
            | Self::File(_)
            | Self::Position(_)
            | Self::View(_)
            | Self::Scan
            | Self::ScanStatus
            | Self::StreamStart(_)
            | Self::StreamStop(_)
            | Self::Streams
            | Self::Events
            | Self::Hardware
            | Self::OpenApi => Access::OwnPages,
        }
    }

    pub fn cache(&self) -> Cache {
        match self {
            Self::Page(name) if name.starts_with(HASHED_ASSETS) => Cache::Immutable,
            // The rendition's name carries its version.
            Self::MediaPlaylist(..)
            | Self::Init(..)
            | Self::Segment(..)
            | Self::Part(..)
            | Self::TextSegment(..)
            | Self::TextPart(..)
            | Self::Text(..)
            | Self::Sheet(..)
            | Self::TransportPlaylist(..)
            | Self::TransportSegment(..)
            | Self::TransportText(..) => Cache::Immutable,
            Self::Page(_)
            | Self::HlsIndex(_)
            | Self::DashManifest(_)
            | Self::LiveIndex(_)
            | Self::LivePlaylist(..)
            | Self::LiveManifest(_)
            | Self::TransportIndex(_)
            | Self::Direct(_) => Cache::Revalidate,
            Self::LiveTime
            | Self::Health
            | Self::Ready
            | Self::Metrics
            | Self::Files
            | Self::File(_)
            | Self::Position(_)
            | Self::View(_)
            | Self::Scan
            | Self::ScanStatus
            | Self::StreamStart(_)
            | Self::StreamStop(_)
            | Self::Streams
            | Self::Events
            | Self::Hardware
            | Self::OpenApi => Cache::No,
        }
    }

    /// Whether pages of any origin may read it: players on TVs live elsewhere.
    pub fn cors(&self) -> bool {
        match self {
            Self::HlsIndex(_)
            | Self::DashManifest(_)
            | Self::MediaPlaylist(..)
            | Self::Init(..)
            | Self::Segment(..)
            | Self::Part(..)
            | Self::TextSegment(..)
            | Self::TextPart(..)
            | Self::Text(..)
            | Self::Sheet(..)
            | Self::LiveIndex(_)
            | Self::LivePlaylist(..)
            | Self::LiveManifest(_)
            | Self::LiveTime
            | Self::TransportIndex(_)
            | Self::TransportPlaylist(..)
            | Self::TransportSegment(..)
            | Self::TransportText(..)
            | Self::Direct(_) => true,
            Self::Page(_)
            | Self::Health
            | Self::Ready
            | Self::Metrics
            | Self::Files
            | Self::File(_)
            | Self::Position(_)
            | Self::View(_)
            | Self::Scan
            | Self::ScanStatus
            | Self::StreamStart(_)
            | Self::StreamStop(_)
            | Self::Streams
            | Self::Events
            | Self::Hardware
            | Self::OpenApi => false,
        }
    }

    /// Bytes of a request's body; with 0 it is not read.
    pub fn body_limit(&self) -> usize {
        match self {
            Self::Position(_) | Self::View(_) | Self::Scan | Self::StreamStart(_) | Self::StreamStop(_) => {
                JSON_BODY_BYTES
            }
            Self::Page(_)
            | Self::Health
            | Self::Ready
            | Self::Metrics
            | Self::Files
            | Self::File(_)
            | Self::ScanStatus
            | Self::Streams
            | Self::Events
            | Self::Hardware
            | Self::OpenApi
            | Self::HlsIndex(_)
            | Self::DashManifest(_)
            | Self::MediaPlaylist(..)
            | Self::Init(..)
            | Self::Segment(..)
            | Self::Part(..)
            | Self::TextSegment(..)
            | Self::TextPart(..)
            | Self::Text(..)
            | Self::Sheet(..)
            | Self::LiveIndex(_)
            | Self::LivePlaylist(..)
            | Self::LiveManifest(_)
            | Self::LiveTime
            | Self::TransportIndex(_)
            | Self::TransportPlaylist(..)
            | Self::TransportSegment(..)
            | Self::TransportText(..)
            | Self::Direct(_) => 0,
        }
    }

    pub fn is_page(&self) -> bool {
        matches!(self, Self::Page(_))
    }
}

impl Cache {
    pub fn header(self) -> &'static str {
        match self {
            Self::No => "no-store",
            Self::Revalidate => "no-cache",
            Self::Immutable => "public, max-age=31536000, immutable",
        }
    }
}

/// What a rendition's name can be made of.
fn rendition(name: &str) -> Option<String> {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (!name.is_empty() && name.bytes().all(fits)).then(|| name.to_owned())
}

/// Several in one name.
fn renditions(names: &str) -> Option<String> {
    Transport::names(names).all(|name| rendition(name).is_some()).then(|| names.to_owned())
}

/// `7`; one way to write each number.
fn number(digits: &str) -> Option<u32> {
    let plain =
        digits.bytes().all(|byte| byte.is_ascii_digit()) && (digits == "0" || !digits.starts_with('0'));
    digits.parse().ok().filter(|_| plain)
}
