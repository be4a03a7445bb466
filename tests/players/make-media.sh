#!/usr/bin/env bash
# Makes the films the player tests play: make-media.sh DIR. A file that is there already is kept.
set -euo pipefail
dir=${1:?usage: make-media.sh DIR}
mkdir -p "$dir"

# film NAME ARGUMENT…: encodes into a temporary name first, so that an interrupted run leaves nothing half made.
film() {
  local name=$1; shift
  [[ -s $dir/$name ]] && return 0
  local part="$dir/.part-$$.${name##*.}"
  if ! ffmpeg -nostdin -v error -y "$@" "$part"; then rm -f "$part"; echo "make-media: $name failed" >&2; return 1; fi
  mv "$part" "$dir/$name"
}

picture() { echo "testsrc2=size=$1:rate=$2:duration=$3"; }
tone() { echo "sine=frequency=$1:sample_rate=48000:duration=$2"; }
h264=(-c:v libx264 -preset ultrafast -pix_fmt yuv420p)

film h264_aac.mp4 -f lavfi -i "$(picture 640x360 25 10)" -f lavfi -i "$(tone 440 10)" \
  "${h264[@]}" -g 50 -c:a aac -b:a 96k -movflags +faststart

# With B-frames, as most films have them: presentation order is not decoding order.
film h264_ac3.mkv -f lavfi -i "$(picture 640x360 24000/1001 10)" -f lavfi -i "$(tone 440 10)" \
  "${h264[@]}" -bf 2 -x264-params b-adapt=0 -g 48 -c:a ac3 -b:a 192k -ac 2

film hevc10.mkv -f lavfi -i "$(picture 640x360 24 10)" -f lavfi -i "$(tone 440 10)" \
  -c:v libx265 -preset ultrafast -x265-params log-level=error:keyint=48 -pix_fmt yuv420p10le -c:a aac -b:a 96k

film vp9_opus.webm -f lavfi -i "$(picture 320x180 30 8)" -f lavfi -i "$(tone 440 8)" \
  -c:v libvpx-vp9 -deadline realtime -cpu-used 8 -row-mt 1 -b:v 400k -g 60 -pix_fmt yuv420p -c:a libopus -b:a 64k

# Two pictures of a 50 Hz source become the two fields of one 25i frame, so that its fields really differ.
film mpeg2_interlaced.ts -f lavfi -i "$(picture 720x576 50 10)" -f lavfi -i "$(tone 440 10)" \
  -vf tinterlace=interleave_top,setfield=tff -flags +ildct+ilme -top 1 -c:v mpeg2video -b:v 4M -g 12 -pix_fmt yuv420p \
  -c:a mp2 -b:a 192k

film xvid_mp3.avi -f lavfi -i "$(picture 640x360 25 10)" -f lavfi -i "$(tone 440 10)" \
  -c:v mpeg4 -vtag XVID -q:v 5 -g 100 -bf 2 -pix_fmt yuv420p -c:a libmp3lame -b:a 128k

# Every picture tells its number in ten black and white squares below, lowest bit left, and has three colours above.
# Its colours are BT.709, which nobody expects at this size.
squares=''
for ((bit = 0; bit < 10; bit++)); do
  squares+=",drawbox=$((64 * bit)):300:64:60:white:fill:enable='gte(mod(n,$((2 << bit))),$((1 << bit)))'"
done
film counted.mp4 -f lavfi -i "$(picture 640x360 25 24)" -f lavfi -i "$(tone 440 24)" \
  -vf "format=gbrp,drawbox=0:0:160:60:0xc03020:fill,drawbox=160:0:160:60:0x20b040:fill,drawbox=320:0:320:60:0x3040c0:fill,\
drawbox=0:300:640:60:black:fill$squares,scale=out_color_matrix=bt709:out_range=tv,format=yuv420p" \
  "${h264[@]}" -colorspace bt709 -color_primaries bt709 -color_trc bt709 -g 50 -c:a aac -b:a 96k -movflags +faststart

# The same at a size that has rungs below it. Its keyframes are not where those are cut.
squares=''
for ((bit = 0; bit < 10; bit++)); do
  squares+=",drawbox=$((128 * bit)):600:128:120:white:fill:enable='gte(mod(n,$((2 << bit))),$((1 << bit)))'"
done
film rungs.mp4 -f lavfi -i "$(picture 1280x720 25 40)" -f lavfi -i "$(tone 440 40)" \
  -vf "noise=alls=12:allf=t,format=yuv420p,drawbox=0:600:1280:120:black:fill$squares" \
  "${h264[@]}" -b:v 4M -maxrate 5M -bufsize 5M -g 50 -c:a aac -b:a 96k -movflags +faststart

# Longer than anybody watches the live edge: the same pictures over and over.
if [[ ! -s $dir/live.mp4 ]]; then
  film .round.mp4 -i "$dir/counted.mp4" -an -c copy
  film live.mp4 -stream_loop 14 -i "$dir/.round.mp4" -f lavfi -i "$(tone 440 360)" -c:v copy -c:a aac -b:a 96k -shortest \
    -movflags +faststart
  rm "$dir/.round.mp4"
fi

# Megabytes a second: they come faster than a browser appends them.
film heavy.mp4 -f lavfi -i "$(picture 1280x720 25 40),noise=alls=30:allf=t" -f lavfi -i "$(tone 440 40)" \
  "${h264[@]}" -b:v 12M -maxrate 14M -bufsize 14M -g 50 -c:a aac -b:a 96k -movflags +faststart

words="$dir/.words-$$.srt"
trap 'rm -f "$words"' EXIT
clock() { printf '00:%02d:%02d,000' $(($1 / 60)) $(($1 % 60)); }
for ((second = 0; second < 120; second += 4)); do
  printf '%d\n%s --> %s\nSecond %d\n\n' $((second / 4 + 1)) "$(clock "$second")" "$(clock $((second + 2)))" "$second"
done >"$words"

film two_languages.mkv -f lavfi -i "$(picture 640x360 25 120)" -f lavfi -i "$(tone 440 120)" -f lavfi -i "$(tone 880 120)" \
  -i "$words" -map 0:v -map 1:a -map 2:a -map 3:s "${h264[@]}" -g 50 -c:a aac -b:a 96k -c:s srt \
  -metadata:s:a:0 language=eng -metadata:s:a:0 title=English -disposition:a:0 default \
  -metadata:s:a:1 language=deu -metadata:s:a:1 title=Deutsch -disposition:a:1 0 -metadata:s:s:0 language=eng

# Kinds of film for the matrix of players: the counted pictures as they are, wherever the kind does not lie in them.
counted=(-i "$dir/counted.mp4")
film counted_languages.mkv "${counted[@]}" -f lavfi -i "$(tone 880 24)" -map 0 -map 1 -c:v copy -c:a aac -b:a 96k \
  -metadata:s:a:0 language=eng -metadata:s:a:0 title=English -disposition:a:0 default \
  -metadata:s:a:1 language=deu -metadata:s:a:1 title=Deutsch -disposition:a:1 0

# A tone of its own in each of the six channels.
film counted_surround.mkv "${counted[@]}" -f lavfi -i \
  "aevalsrc=$(printf "sin(%d*2*PI*t)/4|" 300 400 500 60 600)sin(700*2*PI*t)/4:c=5.1:s=48000:d=24" -map 0:v -map 1:a \
  -c:v copy -c:a ac3 -b:a 384k -metadata:s:a:0 language=eng

film counted_subtitles.mkv "${counted[@]}" -i "$words" -map 0 -map 1 -t 24 -c copy -c:s srt -metadata:s:s:0 language=eng

film counted_hevc.mkv "${counted[@]}" -c:a copy -c:v libx265 -preset ultrafast -x265-params log-level=error:keyint=50 \
  -pix_fmt yuv420p

# 25, 12.5 and 8.3 pictures a second by turns, each with the number of the moment it is shown at.
film counted_vfr.mp4 "${counted[@]}" -vf "select='not(mod(n,1+floor(mod(t/3,3))))'" -fps_mode vfr "${h264[@]}" -bf 2 \
  -x264-params b-adapt=0 -g 50 -c:a copy

film counted_silent.mp4 "${counted[@]}" -an -c copy -movflags +faststart
film sound_alone.mp4 "${counted[@]}" -vn -c copy -movflags +faststart
