//! How many files and connections may be open at once.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Connections with a stored segment each, several times over.
const WANTED: u64 = 1 << 16;

/// Raises the limit of open descriptors as far as this process may. The soft limit of 1024 that services start with is
/// for programs that use `select`; a few hundred viewers need more.
pub fn allow_many() {
    let limit = getrlimit(Resource::Nofile);
    let most = limit.maximum.map_or(WANTED, |maximum| maximum.min(WANTED));
    if limit.current.is_some_and(|current| current < most) {
        // Refused, it serves as many as it may.
        let _refused = setrlimit(Resource::Nofile, Rlimit { current: Some(most), maximum: limit.maximum });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_raised_and_never_lowered() {
        let before = getrlimit(Resource::Nofile).current;
        allow_many();
        let after = getrlimit(Resource::Nofile).current;
        assert!(after >= before || after.is_none(), "{before:?}, then {after:?}");
        let enough = getrlimit(Resource::Nofile).maximum.is_some_and(|most| most < WANTED);
        assert!(enough || after.is_none_or(|after| after >= WANTED), "{after:?}");
    }
}
