//! Millrace, floor by floor; imports point down only (`tests/tidy.rs` reads them).
//!
//! 7 `cli` · 6 `http` · 5 `encoder`, `hardware` · 4 `library`, `worker` · 3 `pipeline`, `catalogue`, `store` ·
//! 2 `rendition`, `manifest`, `config` · 1 `media`, `timeline`, `isobmff`, `mpegts`, `text`, `subpicture`,
//! `colour` · 0 `base`

pub mod base;
pub mod catalogue;
pub mod cli;
pub mod colour;
pub mod config;
pub mod encoder;
pub mod hardware;
pub mod http;
pub mod isobmff;
pub mod library;
pub mod manifest;
pub mod media;
pub mod mpegts;
pub mod pipeline;
pub mod rendition;
pub mod store;
pub mod subpicture;
pub mod text;
pub mod timeline;
pub mod worker;
