//! What the manifests say there is: every rendition with its segments, in exact ticks.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use crate::service::Service;

/// A rendition as the MPD lists it.
#[derive(Clone, Debug)]
pub struct Listed {
    /// With its version, as in addresses.
    pub id: String,
    /// Folder of its addresses, with a slash behind it.
    pub base: String,
    pub video: bool,
    /// Every segment starts with a closed random access point.
    pub independent: bool,
    pub timescale: u32,
    /// Segment n covers the ticks `cuts[n] .. cuts[n + 1]`.
    pub cuts: Vec<i64>,
}

impl Listed {
    pub fn segments(&self) -> usize {
        self.cuts.len() - 1
    }

    pub fn kind(&self) -> &str {
        self.id.rsplit_once('-').map_or(&self.id, |(kind, _)| kind)
    }

    pub fn copied(&self) -> bool {
        self.kind().contains("copy")
    }

    pub fn init(&self) -> String {
        format!("{}init.mp4", self.base)
    }

    pub fn segment(&self, n: usize) -> String {
        format!("{}{n}.m4s", self.base)
    }
}

/// Reads the MPD of a film, and asserts that HLS lists the same segments of the same renditions.
pub fn read(service: &Service, film: &str) -> Vec<Listed> {
    let answer = service.answer(&format!("/dash/{film}/manifest.mpd"));
    assert_eq!(answer.status, 200, "{}", answer.text());
    let listed = parse(&answer.text(), film);
    assert!(!listed.is_empty(), "{}", answer.text());
    let index = service.answer(&format!("/hls/{film}/index.m3u8")).text();
    for rendition in &listed {
        assert!(index.contains(&rendition.id), "{} is missing in {index}", rendition.id);
        let playlist = service.answer(&format!("{}index.m3u8", rendition.base)).text();
        let lengths: Vec<i64> = playlist.lines().filter_map(extinf_micros).collect();
        let micros = |tick: &i64| {
            let since = i128::from(*tick - rendition.cuts[0]);
            (since * 1_000_000).div_euclid(i128::from(rendition.timescale)) as i64
        };
        let ends: Vec<i64> = rendition.cuts.iter().map(micros).collect();
        let expected: Vec<i64> = ends.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert_eq!(lengths, expected, "{}: HLS and DASH disagree", rendition.id);
    }
    listed
}

fn extinf_micros(line: &str) -> Option<i64> {
    let (seconds, fraction) = line.strip_prefix("#EXTINF:")?.trim_end_matches(',').split_once('.')?;
    Some(seconds.parse::<i64>().ok()? * 1_000_000 + format!("{fraction:0<6}").parse::<i64>().ok()?)
}

/// The renditions of picture and sound that an MPD lists.
pub fn parse(text: &str, film: &str) -> Vec<Listed> {
    let mut reader = Reader::from_str(text);
    let mut listed: Vec<Listed> = Vec::new();
    let (mut media, mut video, mut independent) = (false, false, false);
    loop {
        let event = reader.read_event().expect("well-formed");
        let (Event::Start(element) | Event::Empty(element)) = event else {
            if matches!(event, Event::Eof) {
                return listed;
            }
            continue;
        };
        match element.name().as_ref() {
            "AdaptationSet" => {
                let kind = attribute(&element, "contentType").unwrap_or_default();
                video = kind == "video";
                media = video || kind == "audio";
                independent = attribute(&element, "startWithSAP").is_some_and(|sap| sap == "1");
            }
            _ if !media => {}
            "Representation" => {
                let id = attribute(&element, "id").expect("an id");
                let base = format!("/media/{film}/{id}/");
                listed.push(Listed { id, base, video, independent, timescale: 0, cuts: Vec::new() });
            }
            "SegmentTemplate" => {
                let rendition = listed.last_mut().expect("templates are in representations");
                rendition.timescale = number(&element, "timescale").expect("a timescale") as u32;
            }
            "S" => {
                let rendition = listed.last_mut().expect("timelines are in representations");
                let mut at = rendition.cuts.pop().or_else(|| number(&element, "t")).unwrap_or(0);
                if let Some(said) = number(&element, "t") {
                    assert_eq!(said, at, "{}: a hole in the timeline", rendition.id);
                }
                rendition.cuts.push(at);
                let length = number(&element, "d").expect("a duration");
                for _ in 0..=number(&element, "r").unwrap_or(0) {
                    at += length;
                    rendition.cuts.push(at);
                }
            }
            _ => {}
        }
    }
}

fn attribute(element: &BytesStart<'_>, name: &str) -> Option<String> {
    let found = element.try_get_attribute(name).expect("well-formed")?;
    Some(found.value.into_owned())
}

fn number(element: &BytesStart<'_>, name: &str) -> Option<i64> {
    attribute(element, name).map(|text| text.parse().expect("a number"))
}
