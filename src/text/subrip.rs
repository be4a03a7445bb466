//! SubRip: files of numbered cues, and the text of one cue as containers carry it. No standard exists; read as players
//! read it, with the tags that they know.

use super::cue::{Cue, MAX_CUES, Packet, clock_seconds};
use super::markup::{Markup, Style};
use super::placement;
use crate::timeline::Nanos;

const NANOS_PER_MILLI: Nanos = 1_000_000;

/// The cues of a file. Numbers and empty lines do not matter; what is no cue is left out.
pub fn read(text: &str) -> Vec<Cue> {
    let mut cues: Vec<Cue> = Vec::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let Some((start_ns, end_ns)) = times(line) else { continue };
        let mut body: Vec<&str> = Vec::new();
        while let Some(next) = lines.peek() {
            // Of another cue, even where its times make no sense.
            if next.contains("-->") {
                // The line above was this cue's number, even where no empty line stands between.
                if body.last().is_some_and(|last| is_number(last)) {
                    body.pop();
                }
                break;
            }
            body.push(next);
            lines.next();
        }
        cues.extend(cue(start_ns, end_ns, &body.join("\n")));
        if cues.len() >= MAX_CUES {
            break;
        }
    }
    cues.sort_by_key(|cue| cue.start_ns);
    cues
}

/// One cue of a container.
pub fn packet(packet: &Packet) -> Option<Cue> {
    cue(packet.start_ns, packet.end_ns, &String::from_utf8_lossy(&packet.data))
}

fn is_number(line: &str) -> bool {
    let line = line.trim();
    !line.is_empty() && line.bytes().all(|byte| byte.is_ascii_digit())
}

/// `00:01:02,500 --> 00:01:04,000`, with points for commas, without hours, and with what some programs write behind it.
fn times(line: &str) -> Option<(Nanos, Nanos)> {
    let (start, rest) = line.split_once("-->")?;
    let end = rest.split_whitespace().next()?;
    Some((time(start.trim())?, time(end)?))
}

fn time(text: &str) -> Option<Nanos> {
    let (clock, fraction) = text.split_once([',', '.']).unwrap_or((text, ""));
    if clock.split(':').count() > 3 {
        return None;
    }
    let seconds = clock_seconds(clock)?;
    let digits: String = fraction.trim().chars().take(3).collect();
    let millis: i64 = match digits.len() {
        0 => 0,
        length => digits.parse::<i64>().ok()? * [100, 10, 1][length - 1],
    };
    (seconds * 1000 + millis).checked_mul(NANOS_PER_MILLI)
}

fn cue(start_ns: Nanos, end_ns: Nanos, body: &str) -> Option<Cue> {
    let mut markup = Markup::default();
    let mut alignment = None;
    let mut rest = body;
    while let Some(at) = rest.find(['<', '{']) {
        markup.text(&rest[..at]);
        rest = &rest[at..];
        let closing = if rest.starts_with('<') { '>' } else { '}' };
        let inside = rest.find(closing).map(|end| (&rest[1..end], &rest[end + 1..]));
        match inside {
            Some((tag, behind)) if closing == '}' && tag.starts_with('\\') => {
                alignment = placement::tag(tag).or(alignment);
                rest = behind;
            }
            Some((tag, behind)) if closing == '>' && style_tag(&mut markup, tag) => rest = behind,
            _ => {
                markup.text(&rest[..1]);
                rest = &rest[1..];
            }
        }
    }
    markup.text(rest);
    Cue::said(start_ns, end_ns, markup, alignment)
}

/// Whether it is a tag, known or not; `1 < 2 > 0` is none.
fn style_tag(markup: &mut Markup, tag: &str) -> bool {
    let lower = tag.trim().to_ascii_lowercase();
    let (ends, name) = match lower.strip_prefix('/') {
        Some(name) => (true, name.trim()),
        None => (false, lower.as_str()),
    };
    let style = match name.split_whitespace().next().unwrap_or_default() {
        "i" | "em" => Style::Italic,
        "b" | "strong" => Style::Bold,
        "u" => Style::Underline,
        "font" if ends => Style::Colour(""),
        "font" => match font_colour(name) {
            Some(colour) => colour,
            None => return true,
        },
        "s" | "br" | "span" | "c" | "v" | "ruby" | "rt" => return true,
        _ => return false,
    };
    if ends {
        markup.end(style)
    } else {
        markup.begin(style)
    }
    true
}

/// `font color="#ff0000"`, quoted in any way, or a colour's name.
fn font_colour(tag: &str) -> Option<Style> {
    let value = tag.split_once("color")?.1.trim_start().strip_prefix('=')?.trim_start();
    let value: String = value
        .trim_start_matches(['"', '\''])
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || *c == '#')
        .collect();
    let named = match value.as_str() {
        "red" => Some(0xff_0000),
        "yellow" => Some(0xff_ff00),
        "cyan" | "aqua" => Some(0x00_ffff),
        "green" | "lime" => Some(0x00_ff00),
        "blue" => Some(0x00_00ff),
        "magenta" | "fuchsia" => Some(0xff_00ff),
        "white" => Some(0xff_ffff),
        "black" => Some(0),
        _ => None,
    };
    let rgb = named
        .or_else(|| u32::from_str_radix(value.trim_start_matches('#'), 16).ok().map(|rgb| rgb & 0xff_ffff));
    Style::colour(rgb?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: Nanos = 1_000_000_000;

    fn texts(file: &str) -> Vec<(Nanos, Nanos, String)> {
        read(file)
            .into_iter()
            .map(|cue| (cue.start_ns / NANOS_PER_MILLI, cue.end_ns / NANOS_PER_MILLI, cue.text))
            .collect()
    }

    #[test]
    fn a_file_as_it_should_be() {
        let file = "1\r\n00:00:01,000 --> 00:00:02,500\r\nHello,\r\n<i>world</i>!\r\n\r\n2\r\n01:00:00,000 --> 01:00:01,000\r\nBye\r\n";
        let expected = [(1000, 2500, "Hello,\n<i>world</i>!"), (3_600_000, 3_601_000, "Bye")];
        assert_eq!(texts(file), expected.map(|(start, end, text)| (start, end, text.to_owned())));
    }

    #[test]
    fn files_as_they_are() {
        for (file, expected) in [
            // Points, no hours, positions behind the times, no number.
            ("00:01.5 --> 00:02.25 X1:100 Y1:50\nA", vec![(1500, 2250, "A")]),
            // No empty line before the next number.
            (
                "1\n0:0:1,0 --> 0:0:2,0\nA\n2\n0:0:3,0 --> 0:0:4,0\nB",
                vec![(1000, 2000, "A"), (3000, 4000, "B")],
            ),
            // An empty line within a cue; a number that is said.
            (
                "1\n0:0:1,0 --> 0:0:2,0\nA\n\nB\n42\n\n2\n0:0:3,0 --> 0:0:4,0\nC",
                vec![(1000, 2000, "A\nB\n42"), (3000, 4000, "C")],
            ),
            // Backwards, endless, and nothing said.
            ("0:0:5,0 --> 0:0:4,0\nA\n\n0:0:6,0 --> x\nB\n\n0:0:7,0 --> 0:0:8,0\n<i> </i>", vec![]),
            // Minutes beyond the hour; points and commas in one line; times that no clock has.
            (
                "1\n00:75:00,000 --> 00:75:01.500\nA\n\n2\n4294967295:00:00,000 --> 4294967295:00:01,000\nB",
                vec![(4_500_000, 4_501_500, "A")],
            ),
            ("-00:00:01,000 --> 00:00:02,000\nA\n\n00:00:03,٣٣٣ --> 00:00:04,000\nB", vec![]),
            // Out of order.
            ("0:0:3,0 --> 0:0:4,0\nB\n\n0:0:1,0 --> 0:0:2,0\nA", vec![(1000, 2000, "A"), (3000, 4000, "B")]),
            ("", vec![]),
        ] {
            let expected: Vec<_> =
                expected.into_iter().map(|(a, b, text): (i64, i64, &str)| (a, b, text.to_owned())).collect();
            assert_eq!(texts(file), expected, "{file}");
        }
    }

    #[test]
    fn tags_that_players_know() {
        let one = |text: &str| cue(0, SECOND, text).map(|cue| (cue.text, cue.settings));
        for (text, expected, settings) in [
            ("<FONT COLOR='#FF0000'>red</FONT> x", "<c.red>red</c> x", ""),
            ("<b>a <i>b</b> c</i>", "<b>a <i>b</i></b><i> c</i>", ""),
            ("{\\an8}up", "up", "line:0"),
            ("1 < 2 > 0 & {so}", "1 &lt; 2 &gt; 0 &amp; {so}", ""),
            ("<font face=\"Arial\">plain</font>", "plain", ""),
            ("<i>never closed", "<i>never closed</i>", ""),
        ] {
            assert_eq!(one(text), Some((expected.to_owned(), settings.to_owned())), "{text}");
        }
    }

    proptest! {
        #[test]
        fn anything_may_be_in_a_file(file in "[0-9:,\\-> \\n<>{}\\\\a-z/]{0,200}") {
            let cues = read(&file);
            prop_assert!(cues.iter().all(|cue| cue.end_ns > cue.start_ns && !cue.text.contains("\n\n")));
        }
    }
}
