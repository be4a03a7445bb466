//! Text renditions: every text track whose lines this program reads and every file of subtitles beside the film, cut
//! like the picture.

use std::sync::Arc;

use super::label::labels;
use super::presentation::{Grid, Presentation, TextForm, TextRendition, TextSource};
use super::version::text_id;
use crate::media::{Container, MediaInfo, TextFile, TextTrack, mpegts};

/// Those of the tracks in the file, then those of `files`.
pub(super) fn renditions(
    info: &MediaInfo,
    files: &[Arc<TextFile>],
    grid: &Grid,
    content_version: &str,
) -> Vec<Arc<TextRendition>> {
    let of_tracks = info.text.iter().map(|track| track.facts.names());
    let of_files = files.iter().map(|file| (file.name.title.as_deref(), file.name.language.as_deref()));
    let labels = labels(of_tracks.chain(of_files));
    let tracks = info.text.iter().enumerate().map(|(number, track)| {
        let offered = is_read(info.container, track);
        let form = (&track.codec[..], track.facts.language.clone(), track.facts.disposition);
        (offered.then(|| (TextSource::Track(number), content_version.to_owned())), form)
    });
    let files = files.iter().map(|file| {
        let version = format!("{}/{}", file.size, file.modified_ns);
        let form = (file.name.format.codec(), file.name.language.clone(), file.name.disposition);
        (Some((TextSource::File(file.clone()), version)), form)
    });
    let all = tracks.chain(files).zip(labels).enumerate();
    all.filter_map(|(number, ((source, (codec, language, disposition)), label))| {
        let (source, version) = source?;
        let form = TextForm { codec: codec.to_owned(), language, label, disposition };
        let id = text_id(&format!("t{number}"), &version, &form, &grid.cuts);
        let (cuts, fragments) = (grid.cuts.clone(), grid.fragments);
        Some(Arc::new(TextRendition { id, source, cuts, fragments, form }))
    })
    .collect()
}

impl Presentation {
    /// Files beside the film whose text it has.
    pub fn text_files(&self) -> impl Iterator<Item = &Arc<TextFile>> {
        self.text.iter().filter_map(|rendition| match &rendition.source {
            TextSource::File(file) => Some(file),
            TextSource::Track(_) => None,
        })
    }

    /// The same with the text of `files` in the place of those it had.
    #[must_use]
    pub fn with_text_files(&self, files: &[Arc<TextFile>], content_version: &str) -> Self {
        Self { text: renditions(&self.info, files, &self.grid, content_version), ..self.clone() }
    }
}

fn is_read(container: Container, track: &TextTrack) -> bool {
    match (container, track.codec.as_str()) {
        (Container::Matroska, "subrip" | "ass" | "webvtt") | (Container::Mp4, "subrip") => true,
        (Container::MpegTs, mpegts::TELETEXT) => mpegts::is_page(track.facts.number),
        _ => false,
    }
}
