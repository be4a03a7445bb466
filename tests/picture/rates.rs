//! Pictures that come when they come.

use std::sync::Arc;

use crate::made::{Shown, exact};
use crate::support::{Film, film, folder, samples};

const SIZE: (usize, usize) = (320, 176);
const COUNT: usize = 96;
/// Bits of a picture's number, a bright or dark block each.
const BITS: usize = 8;
const BLOCK: usize = SIZE.0 / BITS;

fn numbered() -> &'static str {
    let mut bytes = Vec::new();
    for n in 0..COUNT {
        let row: Vec<u8> = (0..SIZE.0).map(|x| if n >> (x / BLOCK) & 1 == 1 { 200 } else { 50 }).collect();
        bytes.extend(row.repeat(SIZE.1));
        bytes.extend(vec![128; SIZE.0 * SIZE.1 / 2]);
    }
    std::fs::write(folder().join("numbered.yuv"), bytes).expect("written");
    "-f rawvideo -pix_fmt yuv420p -s 320x176 -r 25 -i numbered.yuv"
}

/// In ticks of 90 kHz: 30, 24 and 12 a second by turns, and now and then one that comes twice as late.
fn time_of(n: usize) -> i64 {
    (0..n).map(|m| [3000, 3750, 7500][m / 7 % 3] * if m % 11 == 10 { 2 } else { 1 }).sum()
}

fn variable(name: &'static str) -> Arc<Film> {
    let steps = "st(0\\,0)*0+if(eq(N\\,0)\\,0\\,PREV_OUTPTS+\
                 (eq(mod(floor((N-1)/7)\\,3)\\,0)*3000+eq(mod(floor((N-1)/7)\\,3)\\,1)*3750+eq(mod(floor((N-1)/7)\\,3)\\,2)*7500)\
                 *(1+eq(mod(N-1\\,11)\\,10)))";
    let input = numbered();
    film(
        name,
        &format!(
            "{input} -vf 'settb=1/90000,setpts={steps}' -fps_mode passthrough -enc_time_base 1:90000 -c:v libx264 \
             -preset ultrafast -qp 0 -bf 2 -g 30 -video_track_timescale 90000"
        ),
    )
}

fn number(shown: &Shown, n: usize) -> usize {
    let bright = |bit: usize| usize::from(shown.frame(n).luma(bit * BLOCK + BLOCK / 2, SIZE.1 / 2) > 125);
    (0..BITS).map(|bit| bright(bit) << bit).sum()
}

fn times_of(name: &'static str, rounding: i64) {
    let film = variable(name);
    assert!(!film.info.video[0].constant_rate, "{name}");
    let rendition = film.plan.video.iter().find(|rendition| !rendition.copied).expect("an encoded one");
    assert_eq!(rendition.cuts.timescale, 90_000, "{name}");
    let made = exact(&film);
    let mut times = Vec::new();
    let mut begins = Vec::new();
    for fragment in &made.fragments {
        let (mut at, listed) = samples(fragment);
        begins.push(at);
        for (duration, offset) in listed {
            times.push(at + offset);
            at += i64::from(duration);
        }
    }
    let shown = Shown::of(&made);
    assert_eq!(shown.count(), times.len(), "{name}");
    let numbers: Vec<usize> = (0..shown.count()).map(|n| number(&shown, n)).collect();
    assert!(numbers.is_sorted(), "{name}: {numbers:?}");
    let nominal = film.info.video[0].frame_rate.nanos_of(1) * 90_000 / 1_000_000_000;
    let mut moved = 0;
    for n in 0..COUNT {
        let at: Vec<i64> = numbers.iter().zip(&times).filter(|(m, _)| **m == n).map(|(_, at)| *at).collect();
        let Some((first, again)) = at.split_first() else {
            panic!("{name}: picture {n} is lost: {numbers:?}")
        };
        let off = first - time_of(n);
        // One that comes just beside the beginning of a fragment is moved there.
        let beginning = begins.contains(first) && off.abs() <= nominal / 4 + rounding;
        moved += usize::from(off.abs() > rounding);
        assert!(off.abs() <= rounding || beginning, "{name}: picture {n} is at {first}, not {}", time_of(n));
        assert!(again.iter().all(|at| begins.contains(at)), "{name}: picture {n} is shown at {at:?}");
    }
    println!("{name}: {} pictures of {COUNT}, {moved} moved to the beginning of a fragment", times.len());
}

#[test]
fn pictures_of_a_variable_rate_are_shown_at_their_times_and_none_is_lost() {
    times_of("variable.mp4", 1);
    // Its clock counts milliseconds.
    times_of("variable.mkv", 46);
}
