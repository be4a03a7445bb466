//! `millrace serve`: the service.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::app::{App, Folders};
use super::local::Trouble;
use super::{log, settings};
use crate::config::Overrides;

#[derive(Args)]
pub struct Serve {
    /// Configuration file (default: /etc/millrace/millrace.toml, where it exists and no library is given).
    #[arg(long, value_name = "F")]
    config: Option<PathBuf>,
    /// A folder of films, with a name for it; may be given several times.
    #[arg(long, value_name = "[NAME=]PATH")]
    library: Vec<String>,
    /// Address and port to listen on instead of the configured ones; port 0 takes a free one.
    #[arg(long, value_name = "ADDR")]
    listen: Vec<SocketAddr>,
    /// Where the catalogue lives.
    #[arg(long, value_name = "D")]
    state_dir: Option<PathBuf>,
    /// Where finished segments live.
    #[arg(long, value_name = "D")]
    cache_dir: Option<PathBuf>,
}

pub async fn run(arguments: Serve) -> Result<ExitCode, Trouble> {
    let libraries = arguments.library.iter().map(|text| settings::library(text)).collect::<Result<_, _>>()?;
    let overrides = Overrides { libraries, listen: arguments.listen };
    let config = settings::load(arguments.config.as_deref(), overrides)?;
    log::start(&config.log.level);
    let folders = Folders {
        state: settings::folder(arguments.state_dir, "STATE_DIRECTORY", "XDG_STATE_HOME", ".local/state")?,
        cache: settings::cache_folder(arguments.cache_dir)?,
        profiles: settings::profile_folders(arguments.config.as_deref()),
    };
    App::start(config, &folders).await?.run().await
}
