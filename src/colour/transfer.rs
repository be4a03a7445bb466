//! Transfer functions: from code values to light, and back. Light is in cd/m² unless said otherwise.

/// The brightest that PQ can say.
pub const PQ_PEAK: f64 = 10_000.0;

const M1: f64 = 2610.0 / 16384.0;
const M2: f64 = 2523.0 / 4096.0 * 128.0;
const C1: f64 = 3424.0 / 4096.0;
const C2: f64 = 2413.0 / 4096.0 * 32.0;
const C3: f64 = 2392.0 / 4096.0 * 32.0;

/// SMPTE ST 2084, Rec. ITU-R BT.2100 table 4: a PQ value of 0 to 1 as light.
pub fn pq_to_light(value: f64) -> f64 {
    let power = value.max(0.0).powf(1.0 / M2);
    PQ_PEAK * ((power - C1).max(0.0) / (C2 - C3 * power)).powf(1.0 / M1)
}

/// The inverse of [`pq_to_light`].
pub fn light_to_pq(light: f64) -> f64 {
    let power = (light.max(0.0) / PQ_PEAK).powf(M1);
    ((C1 + C2 * power) / (1.0 + C3 * power)).powf(M2)
}

const A: f64 = 0.178_832_77;
const B: f64 = 1.0 - 4.0 * A;
/// 0.5 − A ln(4 A).
const C: f64 = 0.559_910_73;

/// BT.2100 table 5: an HLG value of 0 to 1 as light of the scene, 0 to 1.
pub fn hlg_to_scene(value: f64) -> f64 {
    let value = value.max(0.0);
    if value <= 0.5 { value * value / 3.0 } else { (((value - C) / A).exp() + B) / 12.0 }
}

/// BT.2100 table 5, note 5f: the exponent of the system for a screen of 1000 cd/m².
pub const HLG_GAMMA: f64 = 1.2;

/// Rec. ITU-R BT.1886 with a black of nothing: light of 0 to 1, of the screen's white, as a value of 0 to 1.
pub fn light_to_sdr(light: f64) -> f64 {
    light.clamp(0.0, 1.0).powf(1.0 / 2.4)
}

/// The inverse of [`light_to_sdr`].
pub fn sdr_to_light(value: f64) -> f64 {
    value.clamp(0.0, 1.0).powf(2.4)
}
