//! `[access]`: who may watch, and under which host names the service answers.

use super::given::Given;
use super::host_name::HostName;
use super::key::{Key, Slot, Table, listed, quoted};
use super::problems::Problems;
use super::refusal::Refusal;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Access {
    pub viewers: Viewers,
    /// Host names that requests may name, besides IP addresses, `localhost`, the service's own name and
    /// `*.local`. Any other is refused: that stops DNS rebinding.
    pub hosts: Vec<HostName>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Viewers {
    /// Private, link-local and loopback addresses.
    #[default]
    Lan,
    Anyone,
}

const VIEWERS: [(&str, Viewers); 2] = [("lan", Viewers::Lan), ("anyone", Viewers::Anyone)];

/// Every request is compared with each.
const MAX_HOSTS: usize = 64;

pub(super) const TABLE: Table = Table {
    name: "access",
    doc: "Who may watch, and under which names the service answers.",
    repeated: false,
    keys: &[
        Key {
            name: "viewers",
            default: r#""lan""#,
            accepts: "\"lan\" or \"anyone\"",
            doc: "Whose requests are answered.",
            slot: Slot::Config {
                set: |config, given, problems| {
                    problems.keep(&mut config.access.viewers, given, given.choose(&VIEWERS));
                },
                show: |config| quoted(VIEWERS[config.access.viewers as usize].0),
            },
        },
        Key {
            name: "hosts",
            default: "[]",
            accepts: "a list of host names, as [\"media.example.org\"]",
            doc: "Extra host names that requests may name.",
            slot: Slot::Config {
                set: |config, given, problems| {
                    if let Some(hosts) = read_hosts(given, problems) {
                        config.access.hosts = hosts;
                    }
                },
                show: |config| listed(config.access.hosts.iter().map(quoted)),
            },
        },
    ],
};

fn read_hosts(given: &Given, problems: &mut Problems) -> Option<Vec<HostName>> {
    let members = problems.take(&given.origin, given.list())?;
    if members.len() > MAX_HOSTS {
        problems.report(&given.origin, Refusal::new(format!("more than {MAX_HOSTS} host names")));
    }
    let mut hosts: Vec<HostName> =
        members.iter().filter_map(|member| problems.take(&member.origin, member.parse())).collect();
    hosts.sort();
    hosts.dedup();
    Some(hosts)
}
