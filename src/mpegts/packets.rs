//! Packets of 188 bytes (ISO/IEC 13818-1 section 2.4.3).

/// Bytes of a packet behind its header.
const CAPACITY: usize = 184;
const SYNC_BYTE: u8 = 0x47;
/// Continuity counters have four bits.
const CYCLE: u8 = 16;
/// Clock references count 27 MHz in units of 300 (section 2.4.2.2).
const STAMP_BITS: u64 = (1 << 33) - 1;

/// What a packet says besides its payload (section 2.4.3.4).
#[derive(Clone, Copy, Debug, Default)]
pub struct Adaptation {
    /// Units of 90 kHz.
    pub clock_reference: Option<i64>,
    /// A decoder can begin here.
    pub random_access: bool,
}

impl Adaptation {
    /// Length field and flags included; 0 where there is nothing to say.
    fn length(self) -> usize {
        match (self.clock_reference, self.random_access) {
            (Some(_), _) => 8,
            (None, true) => 2,
            (None, false) => 0,
        }
    }
}

/// One elementary stream's or table's packets.
#[derive(Clone, Copy, Debug)]
pub struct Pid {
    id: u16,
    counter: u8,
}

impl Pid {
    pub const fn new(id: u16) -> Self {
        Self { id, counter: 0 }
    }

    pub fn id(self) -> u16 {
        self.id
    }

    /// Packets with payload until the counter is at its beginning again.
    pub fn until_cycle(self) -> usize {
        usize::from((CYCLE - self.counter) % CYCLE)
    }

    /// Writes `payload` beginning with a new packet, in as few packets as it takes; with `close`, in so many that the
    /// counter is at its beginning again, which it can be only if there is a byte for each.
    pub fn write(&mut self, out: &mut Vec<u8>, first: Adaptation, payload: &[u8], close: bool) {
        let room_in_first = CAPACITY - first.length();
        let needed = 1 + payload.len().saturating_sub(room_in_first).div_ceil(CAPACITY);
        let count = match close {
            true => needed + usize::from((CYCLE - (self.counter + (needed % 16) as u8) % CYCLE) % CYCLE),
            false => needed,
        };
        let mut rest = payload;
        for number in 0..count {
            let (adaptation, room) =
                if number == 0 { (first, room_in_first) } else { (Adaptation::default(), CAPACITY) };
            let for_others = count - 1 - number;
            let (now, later) = rest.split_at(rest.len().saturating_sub(for_others).min(room));
            self.packet(out, number == 0, adaptation, now);
            rest = later;
        }
    }

    /// A packet without payload, for its clock reference alone: it does not count.
    pub fn write_clock(self, out: &mut Vec<u8>, clock_reference: i64) {
        let [high, low] = self.id.to_be_bytes();
        // "shall not be incremented when the adaptation_field_control of the packet equals '10'" (section 2.4.3.3).
        let counter = (self.counter + CYCLE - 1) % CYCLE;
        out.extend([SYNC_BYTE, high, low, 0x20 | counter]);
        let adaptation = Adaptation { clock_reference: Some(clock_reference), random_access: false };
        write_adaptation(out, adaptation, CAPACITY);
    }

    fn packet(&mut self, out: &mut Vec<u8>, start: bool, adaptation: Adaptation, payload: &[u8]) {
        let stuffed = CAPACITY - payload.len();
        let control = if stuffed == 0 { 0x10 } else { 0x30 };
        let [high, low] = self.id.to_be_bytes();
        out.extend([SYNC_BYTE, high | u8::from(start) << 6, low, control | self.counter]);
        self.counter = (self.counter + 1) % CYCLE;
        write_adaptation(out, adaptation, stuffed);
        out.extend_from_slice(payload);
    }
}

/// An adaptation field of `length` bytes in all; nothing for 0.
fn write_adaptation(out: &mut Vec<u8>, adaptation: Adaptation, length: usize) {
    let Some(behind) = length.checked_sub(1) else { return };
    out.push(behind as u8);
    if behind == 0 {
        return;
    }
    let end = out.len() + behind;
    let reference = adaptation.clock_reference;
    out.push(u8::from(adaptation.random_access) << 6 | u8::from(reference.is_some()) << 4);
    if let Some(at) = reference {
        // 33 bits, six reserved ones, nine bits of extension.
        let field = (at as u64 & STAMP_BITS) << 15 | 0x3f << 9;
        out.extend_from_slice(&field.to_be_bytes()[2..]);
    }
    out.resize(end, 0xff);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// (counter, whether it starts, clock reference, payload) of each packet.
    fn read(bytes: &[u8]) -> Vec<(u8, bool, Option<i64>, Vec<u8>)> {
        bytes
            .chunks(188)
            .map(|packet| {
                assert_eq!((packet.len(), packet[0]), (188, SYNC_BYTE));
                let adapted = if packet[3] & 0x20 == 0 { 0 } else { usize::from(packet[4]) + 1 };
                let reference = (adapted > 1 && packet[5] & 0x10 != 0).then(|| {
                    let field = &packet[6..12];
                    field[..4].iter().fold(0, |at, &byte| at << 8 | i64::from(byte)) << 1
                        | i64::from(field[4] >> 7)
                });
                let payload = if packet[3] & 0x10 == 0 { &[] } else { &packet[4 + adapted..] };
                (packet[3] & 0x0f, packet[1] & 0x40 != 0, reference, payload.to_vec())
            })
            .collect()
    }

    proptest! {
        #[test]
        fn payloads_come_back_and_counters_run_on(
            lengths in prop::collection::vec((1_usize..2000, any::<bool>(), 0..1_i64 << 33), 1..40)
        ) {
            let mut pid = Pid::new(0x100);
            let (mut out, mut written) = (Vec::new(), Vec::new());
            for &(length, random_access, at) in &lengths {
                let payload: Vec<u8> = (0..length).map(|n| n as u8).collect();
                let clock_reference = random_access.then_some(at);
                pid.write(&mut out, Adaptation { clock_reference, random_access }, &payload, false);
                written.push((clock_reference, payload));
            }
            let mut found: Vec<(Option<i64>, Vec<u8>)> = Vec::new();
            for (number, (counter, start, reference, payload)) in read(&out).into_iter().enumerate() {
                prop_assert_eq!(usize::from(counter), number % 16);
                match found.last_mut() {
                    Some((_, last)) if !start => last.extend(payload),
                    _ => found.push((reference, payload)),
                }
            }
            prop_assert_eq!(found, written);
        }

        #[test]
        fn closing_leaves_the_counter_at_its_beginning(before in 0_usize..20, length in 16_usize..4000, clocked: bool) {
            let mut pid = Pid::new(0x100);
            let mut out = Vec::new();
            for _ in 0..before {
                pid.write(&mut out, Adaptation::default(), &[1], false);
            }
            let adaptation = Adaptation { clock_reference: clocked.then_some(5), random_access: false };
            let payload = vec![7; length];
            pid.write(&mut out, adaptation, &payload, true);
            prop_assert_eq!(pid.until_cycle(), 0);
            let packets = read(&out);
            prop_assert_eq!(packets.len() % 16, 0);
            let joined: Vec<u8> = packets[before..].iter().flat_map(|packet| packet.3.clone()).collect();
            prop_assert_eq!(joined, payload);
            prop_assert!(packets.iter().all(|packet| !packet.3.is_empty()));
        }
    }

    #[test]
    fn a_packet_for_its_clock_alone_does_not_count() {
        let mut pid = Pid::new(0x100);
        let mut out = Vec::new();
        pid.write(&mut out, Adaptation::default(), &[1], false);
        pid.write_clock(&mut out, 90_000);
        pid.write(&mut out, Adaptation::default(), &[2], false);
        let packets = read(&out);
        assert_eq!(packets.iter().map(|packet| packet.0).collect::<Vec<_>>(), [0, 0, 1]);
        assert_eq!(packets[1].2, Some(90_000));
    }
}
