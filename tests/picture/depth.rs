//! Pictures of ten bits in eight.

use millrace::colour::BT709;

use crate::chart::{Coding, Planes};
use crate::made::{Shown, exact, with_film};
use crate::support::{film, folder};

const SIZE: (usize, usize) = (640, 128);
const CODING: Coding = Coding { planes: Planes::Yuv(2, 2), luma: BT709, full_range: false, bits: 10 };

fn ramp(name: &'static str, top: f64) -> std::sync::Arc<crate::support::Film> {
    let raw = format!("{name}.raw");
    let grey = |x: usize, _: usize| [top * x as f64 / (SIZE.0 - 1) as f64; 3];
    std::fs::write(folder().join(&raw), CODING.frame(SIZE, grey)).expect("written");
    film(
        name,
        &format!(
            "-stream_loop -1 -f rawvideo -pix_fmt yuv420p10le -s {}x{} -r 25 -i {raw} -frames:v 100 -colorspace bt709 \
             -color_primaries bt709 -color_trc bt709 -color_range tv -c:v libx264 -preset ultrafast -qp 0",
            SIZE.0, SIZE.1
        ),
    )
}

#[test]
fn a_ramp_of_ten_bits_never_falls_and_is_off_by_half_a_step_of_eight_at_most() {
    let shown = Shown::of(&exact(&ramp("ramp.mkv", 1.0)));
    let frame = shown.frame(50);
    let mean = |x: usize| (0..SIZE.1).map(|y| f64::from(frame.luma(x, y))).sum::<f64>() / SIZE.1 as f64;
    let columns: Vec<f64> = (0..SIZE.0).map(mean).collect();
    let falls = columns.windows(2).map(|pair| pair[0] - pair[1]).fold(0.0, f64::max);
    let exact = |x: usize| 16.0 + 219.0 * x as f64 / (SIZE.0 - 1) as f64;
    let off: Vec<f64> = columns.iter().enumerate().map(|(x, found)| (found - exact(x)).abs()).collect();
    let (average, most) =
        (off.iter().sum::<f64>() / off.len() as f64, off.iter().copied().fold(0.0, f64::max));
    println!("a ramp: falls by {falls:.2} at most, off by {average:.2} on average and {most:.2} at most");
    assert!(falls <= 0.5 && average <= 0.5 && most <= 1.25, "{falls} {average} {most}");
}

/// Noise that hides steps would cost a rung its bits: at the shipped settings there is none, whatever the converter calls
/// its default.
#[test]
fn ten_bits_cost_a_rung_no_more_than_eight() {
    let film = ramp("dark.mkv", 0.15);
    let bytes_with = |dither: &str| {
        let made = with_film(&film, |work| work.scale = work.scale.replace("n-threads=2", dither));
        made.fragments.iter().map(|fragment| fragment.bytes.len()).sum::<usize>()
    };
    let (shipped, without) = (bytes_with("n-threads=2"), bytes_with("n-threads=2 dither=none"));
    println!("a dark ramp of ten bits: {shipped} bytes as shipped, {without} without dithering");
    assert!(shipped <= without + without / 50, "{shipped} and {without}");
}
