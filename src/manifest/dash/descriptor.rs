//! Descriptors, ISO/IEC 23009-1 section 5.8: an element name, a scheme and a value of it.

use super::{Document, Written};
use crate::media::{Colour, Hdr};

const ROLE: &str = "urn:mpeg:dash:role:2011";
const AUDIO_PURPOSE: &str = "urn:tva:metadata:cs:AudioPurposeCS:2007";
const FOR_THE_VISUALLY_IMPAIRED: &str = "1";
const FOR_THE_HARD_OF_HEARING: &str = "2";
/// DASH-IF IOP 4.3 section 6.2.6.
const THUMBNAIL_TILE: &str = "http://dashif.org/guidelines/thumbnail_tile";
/// ISO/IEC 23001-8 and 23091 code points.
const CHANNELS: &str = "urn:mpeg:mpegB:cicp:ChannelConfiguration";
const PRIMARIES: &str = "urn:mpeg:mpegB:cicp:ColourPrimaries";
const TRANSFER: &str = "urn:mpeg:mpegB:cicp:TransferCharacteristics";
const MATRIX: &str = "urn:mpeg:mpegB:cicp:MatrixCoefficients";

/// Section 5.8.5.5, table "Role@value".
pub fn role(document: &mut Document, value: &str) -> Written {
    write(document, "Role", ROLE, value)
}

/// Section 5.8.4.3, in the scheme of DVB (ETSI TS 103 285 table 5) that players know.
pub fn audio_description(document: &mut Document) -> Written {
    write(document, "Accessibility", AUDIO_PURPOSE, FOR_THE_VISUALLY_IMPAIRED)
}

/// The same for text (ETSI TS 103 285 section 7.1.2).
pub fn for_the_deaf(document: &mut Document) -> Written {
    write(document, "Accessibility", AUDIO_PURPOSE, FOR_THE_HARD_OF_HEARING)
}

/// Section 5.8.5.4. Nothing for counts that no layout of the table has.
pub fn audio_channel_configuration(document: &mut Document, channels: u8) -> Written {
    match channel_configuration(channels) {
        Some(layout) => write(document, "AudioChannelConfiguration", CHANNELS, layout),
        None => Ok(()),
    }
}

/// ISO/IEC 23091-3 table 10: up to six channels the number is the count; 6.1 is 11, and 7.1 is 12 (7 would be
/// the cinema's, with five in front).
fn channel_configuration(channels: u8) -> Option<&'static str> {
    Some(match channels {
        1 => "1",
        2 => "2",
        3 => "3",
        4 => "4",
        5 => "5",
        6 => "6",
        7 => "11",
        8 => "12",
        _ => return None,
    })
}

/// Nothing for standard dynamic range. PQ looks wrong on a client that does not know it, so it is essential:
/// "If the scheme or the value for this descriptor is not recognized, the DASH Client is expected to ignore
/// the parent element" (section 5.8.4.8). HLG is made to be watchable either way, so it is supplemental.
pub fn high_dynamic_range(document: &mut Document, colour: &Colour) -> Written {
    let element = match colour.hdr {
        None => return Ok(()),
        Some(Hdr::Pq) => "EssentialProperty",
        Some(Hdr::Hlg) => "SupplementalProperty",
    };
    for (scheme, value) in
        [(PRIMARIES, colour.primaries), (TRANSFER, colour.transfer), (MATRIX, colour.matrix)]
    {
        write(document, element, scheme, &value.to_string())?;
    }
    Ok(())
}

/// "The value shall be set to [...] the number of horizontal tiles [...] and vertical tiles": essential, since a client
/// that does not know it would show the whole sheet.
pub fn thumbnail_tile(document: &mut Document, columns: u32, rows: u32) -> Written {
    write(document, "EssentialProperty", THUMBNAIL_TILE, &format!("{columns}x{rows}"))
}

fn write(document: &mut Document, element: &str, scheme: &str, value: &str) -> Written {
    document
        .create_element(element)
        .with_attributes([("schemeIdUri", scheme), ("value", value)])
        .write_empty()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hdr(hdr: Option<Hdr>) -> String {
        let mut document = Document::new(Vec::new());
        let colour = Colour { primaries: 9, transfer: 16, matrix: 9, full_range: false, hdr, peak: None };
        high_dynamic_range(&mut document, &colour).expect("memory");
        String::from_utf8(document.into_inner()).expect("text")
    }

    #[test]
    fn only_pq_demands_to_be_understood() {
        assert_eq!(hdr(None), "");
        assert_eq!(hdr(Some(Hdr::Pq)).matches("<EssentialProperty ").count(), 3);
        assert_eq!(hdr(Some(Hdr::Hlg)).matches("<SupplementalProperty ").count(), 3);
    }

    #[test]
    fn layouts_beyond_the_table_are_not_guessed() {
        let values = [1, 2, 6, 8, 0, 24].map(channel_configuration);
        assert_eq!(values, [Some("1"), Some("2"), Some("6"), Some("12"), None, None]);
    }
}
