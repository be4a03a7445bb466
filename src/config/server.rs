//! `[server]`: where the service is found.

use core::net::SocketAddr;

use super::given::Given;
use super::host_name::HostName;
use super::key::{Key, Slot, Table, listed, quoted};
use super::listen;
use super::problems::Problems;
use super::refusal::Refusal;

#[derive(Clone, Debug, PartialEq)]
pub struct Server {
    /// At least one, all different.
    pub listen: Vec<SocketAddr>,
    /// A single label.
    pub name: HostName,
}

pub const DEFAULT_PORT: u16 = 8484;
pub const DEFAULT_NAME: &str = "millrace";

/// A listener costs a socket and a task; more is a mistake in a generated file.
const MAX_LISTEN: usize = 16;

impl Default for Server {
    fn default() -> Self {
        let all_v4 = SocketAddr::from(([0; 4], DEFAULT_PORT));
        let all_v6 = SocketAddr::from(([0; 16], DEFAULT_PORT));
        Self { listen: vec![all_v4, all_v6], name: HostName::constant(DEFAULT_NAME) }
    }
}

pub(super) const TABLE: Table = Table {
    name: "server",
    doc: "Where the service is found.",
    repeated: false,
    keys: &[
        Key {
            name: "listen",
            default: r#"["0.0.0.0:8484", "[::]:8484"]"#,
            accepts: "a list of IP addresses with port, as [\"0.0.0.0:8484\", \"[::]:8484\"]",
            doc: "Addresses the service listens on.",
            slot: Slot::Config {
                set: |config, given, problems| {
                    if let Some(addresses) = read_listen(given, problems) {
                        config.server.listen = addresses;
                    }
                },
                show: |config| listed(config.server.listen.iter().map(quoted)),
            },
        },
        Key {
            name: "name",
            default: r#""millrace""#,
            accepts: "a host name without dots, as \"millrace\"",
            doc: "What the service calls itself on the network.",
            slot: Slot::Config {
                set: |config, given, problems| {
                    problems.keep(&mut config.server.name, given, given.parse().and_then(simple));
                },
                show: |config| quoted(&config.server.name),
            },
        },
    ],
};

fn simple(name: HostName) -> Result<HostName, Refusal> {
    if name.is_simple() { Ok(name) } else { Err(Refusal::new(format!("`{name}` has a dot"))) }
}

fn read_listen(given: &Given, problems: &mut Problems) -> Option<Vec<SocketAddr>> {
    let members = problems.take(&given.origin, given.list())?;
    let mut addresses: Vec<SocketAddr> = Vec::new();
    for member in &members {
        let read = member.as_text().and_then(listen::parse).and_then(|address| {
            match addresses.iter().any(|other| listen::collide(*other, address)) {
                true => Err(Refusal::new(format!("`{address}` is listed twice")).hint("list it once")),
                false => Ok(address),
            }
        });
        addresses.extend(problems.take(&member.origin, read));
    }
    if members.is_empty() {
        problems.report(&given.origin, Refusal::new("no address to listen on is left"));
    } else if members.len() > MAX_LISTEN {
        problems.report(&given.origin, Refusal::new(format!("more than {MAX_LISTEN} addresses")));
    }
    (!addresses.is_empty()).then_some(addresses)
}
