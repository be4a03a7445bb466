//! HLS (RFC 8216): the multivariant playlist of a file and the media playlist of a rendition, video on
//! demand and at the live edge. One file per tag, or per handful of small ones.
//!
//! Absent on purpose: `EXT-X-PART` beside `EXT-X-ENDLIST` (players re-request the last part for ever).

mod attribute_list;
mod audio_group;
mod basic_tags;
mod ext_x_map;
mod ext_x_media;
mod ext_x_stream_inf;
mod extinf;
mod image_playlist;
mod live_playlist;
mod media_playlist;
mod media_playlist_tags;
mod multivariant_playlist;
#[cfg(test)]
mod tests;
mod transport_playlists;

pub use image_playlist::image_playlist;
pub use live_playlist::{LiveRendition, LiveTrack, live_playlist};
pub use media_playlist::{media_playlist, text_playlist};
pub use multivariant_playlist::{live_multivariant, live_renditions, live_tracks, multivariant};
pub use transport_playlists::{transport_multivariant, transport_playlist};
