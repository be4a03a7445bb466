//! Under which names the service answers, and which pages may use it. The first stops DNS rebinding (a foreign
//! name that resolves to this box), the second requests that a foreign page makes in the viewer's name.

use std::net::IpAddr;

use http::header::{HOST, ORIGIN};
use http::request::Parts;
use http::uri::Authority;

use super::problem::{Kind, Problem};
use crate::config::Config;

/// The host and port that the request names, when they are ours.
pub fn own_host(parts: &Parts, config: &Config) -> Result<Authority, Problem> {
    let mut named = parts.headers.get_all(HOST).iter().map(|value| {
        Authority::try_from(value.as_bytes())
            .map_err(|_| Problem::new(Kind::BadRequest, "The Host header is malformed."))
    });
    let header = named.next().transpose()?;
    if named.next().is_some() {
        return Err(Problem::new(Kind::BadRequest, "There is more than one Host header."));
    }
    // HTTP/2 has its host in the URI; where HTTP/1.1 has one in both, either could be believed on the way.
    let authority = parts.uri.authority().cloned();
    for host in [&authority, &header].into_iter().flatten() {
        if !is_ours(host, config) {
            let detail = format!("Add `{}` to `hosts` in the table `[access]` if it is.", host.host());
            return Err(Problem::new(Kind::ForeignHost, detail));
        }
    }
    authority.or(header).ok_or_else(|| Problem::new(Kind::BadRequest, "The request names no host."))
}

fn is_ours(authority: &Authority, config: &Config) -> bool {
    if authority.as_str().contains('@') {
        return false;
    }
    let host = authority.host().to_ascii_lowercase();
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(&host);
    if bare.parse::<IpAddr>().is_ok() {
        return true;
    }
    let name = host.strip_suffix('.').unwrap_or(&host);
    name == "localhost"
        || name == config.server.name.as_str()
        || name.strip_suffix(".local").is_some_and(|label| !label.is_empty())
        || config.access.hosts.iter().any(|own| own.as_str() == name)
}

/// Refuses a request that a page of another origin than `host` makes.
pub fn own_page(parts: &Parts, host: &Authority) -> Result<(), Problem> {
    let foreign = parts.headers.get_all(ORIGIN).iter().any(|origin| match origin.to_str() {
        Ok(origin) => !is_same(origin, host),
        Err(_) => true,
    });
    if foreign {
        return Err(Problem::new(Kind::ForeignOrigin, "Only our own pages may ask for this."));
    }
    Ok(())
}

/// Scheme apart: a proxy in front may speak TLS.
fn is_same(origin: &str, host: &Authority) -> bool {
    let Some((scheme, authority)) = origin.split_once("://") else { return false };
    let default_port = match scheme {
        "http" => ":80",
        "https" => ":443",
        _ => return false,
    };
    let bare = |text: &str| text.strip_suffix(default_port).unwrap_or(text).to_ascii_lowercase();
    bare(authority) == bare(host.as_str())
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn parts(uri: &str, headers: &[(&str, &str)]) -> Parts {
        let request =
            headers.iter().fold(Request::get(uri), |request, (name, value)| request.header(*name, *value));
        request.body(()).unwrap().into_parts().0
    }

    fn config() -> Config {
        let text = "[server]\nname = \"cinema\"\n[access]\nhosts = [\"media.example.org\"]\n";
        crate::config::parse(text, "test").unwrap()
    }

    #[test]
    fn the_names_of_the_service_are_answered_with_and_without_port() {
        for host in [
            "127.0.0.1",
            "127.0.0.1:8484",
            "[::1]:8484",
            "[fe80::1]",
            "192.168.7.7:80",
            "localhost",
            "LOCALHOST:8484",
            "localhost.",
            "cinema",
            "Cinema:8484",
            "cinema.local",
            "anything.local:1",
            "media.example.org",
            "Media.Example.ORG:443",
        ] {
            assert!(own_host(&parts("/", &[("host", host)]), &config()).is_ok(), "{host}");
            let uri = format!("http://{host}/");
            assert!(own_host(&parts(&uri, &[]), &config()).is_ok(), "{host} in HTTP/2");
        }
    }

    #[test]
    fn other_names_are_refused() {
        for host in [
            "evil.example",
            "evil.example:8484",
            "cinema.evil.example",
            "localhost.evil.example",
            ".local",
            "local",
            "127.0.0.1.evil.example",
            "example.org",
            "a.media.example.org",
            "127.0.0.1@evil.example",
            "evil@localhost",
        ] {
            let refused = own_host(&parts("/", &[("host", host)]), &config()).unwrap_err();
            assert!(matches!(refused.kind, Kind::ForeignHost | Kind::BadRequest), "{host}");
        }
        for (uri, host) in [("http://evil.example/", "localhost"), ("http://localhost/", "evil.example")] {
            assert!(own_host(&parts(uri, &[("host", host)]), &config()).is_err(), "{uri} {host}");
        }
    }

    #[test]
    fn a_request_names_one_host() {
        for headers in [&[][..], &[("host", "")], &[("host", "localhost"), ("host", "localhost")]] {
            assert!(own_host(&parts("/", headers), &config()).is_err(), "{headers:?}");
        }
    }

    #[test]
    fn our_own_pages_are_told_from_foreign_ones() {
        let check = |origin: &str, host: &str| {
            own_page(&parts("/", &[("origin", origin)]), &host.parse().unwrap()).is_ok()
        };
        for (origin, host) in [
            ("http://localhost:8484", "localhost:8484"),
            ("http://LOCALHOST", "localhost:80"),
            ("http://localhost:80", "localhost"),
            ("https://media.example.org", "media.example.org"),
            ("https://media.example.org", "media.example.org:443"),
            ("http://[::1]:8484", "[::1]:8484"),
        ] {
            assert!(check(origin, host), "{origin} {host}");
        }
        for (origin, host) in [
            ("null", "localhost"),
            ("", "localhost"),
            ("http://localhost:8485", "localhost:8484"),
            ("http://localhost:443", "localhost"),
            ("http://evil.example", "localhost"),
            ("file://localhost", "localhost"),
            ("http://localhost.evil.example", "localhost"),
            ("chrome-extension://localhost", "localhost"),
        ] {
            assert!(!check(origin, host), "{origin} {host}");
        }
        assert!(own_page(&parts("/", &[]), &"localhost".parse().unwrap()).is_ok());
        let two = [("origin", "http://localhost"), ("origin", "http://evil.example")];
        assert!(own_page(&parts("/", &two), &"localhost".parse().unwrap()).is_err());
    }
}
