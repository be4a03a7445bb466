//! An address to listen on: IP address and port, as `0.0.0.0:8484` or `[::]:8484`. Names are not looked up:
//! what they point to may change, an open port should not.

use core::net::SocketAddr;

use super::refusal::Refusal;

pub(super) fn parse(text: &str) -> Result<SocketAddr, Refusal> {
    text.parse().map_err(|_| {
        let hint = if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
            format!("did you mean \"0.0.0.0:{text}\"?")
        } else if text.parse::<core::net::IpAddr>().is_ok() {
            "the port is missing".to_owned()
        } else if text.starts_with(':') {
            format!("did you mean \"0.0.0.0{text}\"?")
        } else if let Some(port) = text.strip_prefix("localhost:") {
            format!("names are not looked up; did you mean \"127.0.0.1:{port}\"?")
        } else {
            "an IP address and a port, as \"0.0.0.0:8484\" or \"[::]:8484\"".to_owned()
        };
        Refusal::new(format!("`{text}` is not an address to listen on")).hint(hint)
    })
}

/// The same port twice; port 0 is a different free port each time.
pub(super) fn collide(one: SocketAddr, other: SocketAddr) -> bool {
    one == other && one.port() != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_reads_back_as_it_was_printed() {
        for text in ["0.0.0.0:8484", "[::]:8484", "127.0.0.1:0", "[fe80::1%2]:80"] {
            assert_eq!(parse(text).map(|address| address.to_string()), Ok(text.to_owned()));
        }
    }

    #[test]
    fn a_near_miss_gets_the_likely_answer() {
        for (text, hint) in [
            ("8484", "did you mean \"0.0.0.0:8484\"?"),
            (":8484", "did you mean \"0.0.0.0:8484\"?"),
            ("localhost:8484", "names are not looked up; did you mean \"127.0.0.1:8484\"?"),
            ("127.0.0.1", "the port is missing"),
            ("::1", "the port is missing"),
            ("", "an IP address and a port, as \"0.0.0.0:8484\" or \"[::]:8484\""),
            ("0.0.0.0:84840", "an IP address and a port, as \"0.0.0.0:8484\" or \"[::]:8484\""),
        ] {
            assert_eq!(parse(text).unwrap_err().hint.as_deref(), Some(hint), "{text:?}");
        }
    }

    #[test]
    fn only_a_fixed_port_can_be_taken_twice() -> Result<(), Refusal> {
        let [any, fixed] = [parse("127.0.0.1:0")?, parse("127.0.0.1:8484")?];
        assert!(!collide(any, any));
        assert!(collide(fixed, fixed));
        assert!(!collide(any, fixed));
        Ok(())
    }
}
