"""Plays a manifest with GStreamer's playbin3: gst-player.py ADDRESS DEMUXER LANGUAGE SECONDS…

Starts, seeks to each of the seconds, and goes on to the end. LANGUAGE is of the sound to choose, or "-". Prints a line
of JSON for each thing that is seen; films are numbered as in make-media.sh. The exit status is 0 if it came to the end.
"""
import array
import json
import sys

import gi

gi.require_version("Gst", "1.0")
from gi.repository import Gst  # noqa: E402

Gst.init(None)
WIDTH, HEIGHT = 640, 360
SAMPLE_RATE = 48000
PATIENCE_S = 30
# How long it plays behind the start and each seek.
SPAN = Gst.SECOND * 7 // 10

address, demuxer, language = sys.argv[1:4]
seeks = [float(at) for at in sys.argv[4:]]


def tell(kind, **facts):
    print(json.dumps({"kind": kind, **facts}), flush=True)


def sink(description):
    return Gst.parse_bin_from_description(description, True)


class Sound:
    """Counts how often the sound goes up through zero, and not the noise of silence: that is its pitch."""

    LOUD = 500

    def __init__(self):
        self.crossings = self.samples = 0
        self.low = False

    def heard(self, _sink, buffer, _pad):
        samples = array.array("h", buffer.extract_dup(0, buffer.get_size()))
        for sample in samples:
            if self.low and sample > self.LOUD:
                self.crossings += 1
                self.low = False
            elif sample < -self.LOUD:
                self.low = True
        self.samples += len(samples)

    def pitch(self):
        pitch = round(self.crossings * SAMPLE_RATE / self.samples) if self.samples else None
        self.crossings = self.samples = 0
        return pitch


class Player:
    def __init__(self):
        # Streams of both come through urisourcebin and decodebin3, where hlsdemux2 and dashdemux2 are chosen.
        self.bin = Gst.ElementFactory.make("playbin3")
        gray = f"video/x-raw,format=GRAY8,width={WIDTH},height={HEIGHT}"
        self.pictures = sink(f"videoconvert ! videoscale ! {gray} ! fakesink name=end sync=true")
        plain = f"audio/x-raw,format=S16LE,channels=1,rate={SAMPLE_RATE}"
        self.loudspeaker = sink(
            f"audioconvert ! audioresample ! {plain} ! fakesink name=end sync=true signal-handoffs=true")
        self.sound = Sound()
        self.loudspeaker.get_by_name("end").connect("handoff", self.sound.heard)
        self.text = Gst.ElementFactory.make("fakesink")
        self.text.set_property("sync", True)
        sinks = [("video-sink", self.pictures), ("audio-sink", self.loudspeaker), ("text-sink", self.text)]
        for name, value in [("uri", address), *sinks]:
            self.bin.set_property(name, value)
        self.bin.connect("deep-element-added", self.added)
        self.bus = self.bin.get_bus()
        self.used, self.streams, self.ended, self.buffered, self.settled = set(), [], False, False, True
        self.wants = Gst.State.PAUSED

    def added(self, _bin, _parent, element):
        if element.get_factory():
            self.used.add(element.get_factory().get_name())

    def until(self, what, reached):
        """Handles messages until `reached` says so."""
        for _ in range(PATIENCE_S * 20):
            message = self.bus.timed_pop(Gst.SECOND // 20)
            while message:
                self.handle(message)
                message = self.bus.pop()
            if reached():
                return
        tell("late", what=what, at=self.position())
        sys.exit(1)

    def handle(self, message):
        kind = message.type
        if kind in (Gst.MessageType.ERROR, Gst.MessageType.WARNING):
            error, debug = message.parse_error() if kind == Gst.MessageType.ERROR else message.parse_warning()
            tell("error", error=error.message, debug=debug, of=message.src.get_name())
            sys.exit(1)
        elif kind == Gst.MessageType.EOS:
            self.ended = True
        elif kind == Gst.MessageType.ASYNC_DONE and message.src == self.bin:
            self.settled = True
        elif kind == Gst.MessageType.STREAM_COLLECTION:
            collection = message.parse_stream_collection()
            self.streams = [collection.get_stream(n) for n in range(collection.get_size())]
        elif kind == Gst.MessageType.BUFFERING:
            # As every application has to: it stands while there is too little, and goes on when there is enough.
            percent = message.parse_buffering()
            if percent < 100 and self.buffered:
                if self.wants == Gst.State.PLAYING and self.settled:
                    tell("stall", at=self.position(), percent=percent)
                self.bin.set_state(Gst.State.PAUSED)
            if percent == 100 and not self.buffered:
                self.bin.set_state(self.wants)
            self.buffered = percent == 100

    def position(self):
        known, position = self.bin.query_position(Gst.Format.TIME)
        return position / Gst.SECOND if known else None

    def shown(self):
        """The number of the picture that is shown."""
        sample = self.pictures.get_by_name("end").get_property("last-sample")
        if not sample:
            return None
        data = sample.get_buffer().extract_dup(0, WIDTH * HEIGHT)
        return sum(1 << bit for bit in range(10) if data[330 * WIDTH + 32 + 64 * bit] > 128)

    def lines(self):
        sample = self.text.get_property("last-sample")
        return sample.get_buffer().extract_dup(0, sample.get_buffer().get_size()).decode() if sample else None

    def play(self, where):
        """Goes on for a moment from where it stands, and tells what is to be seen and heard."""
        self.until(f"a picture at {where}", lambda: self.settled)
        picture, at = self.shown(), self.position()
        self.sound.pitch()
        self.wants = Gst.State.PLAYING
        self.bin.set_state(self.wants)
        goal = at * Gst.SECOND + SPAN
        self.until(f"it plays at {where}", lambda: self.ended or (self.position() or 0) * Gst.SECOND >= goal)
        tell("plays", where=where, at=at, picture=picture, pitch=self.sound.pitch(), text=self.lines())

    def seek(self, to):
        self.wants = Gst.State.PAUSED
        self.bin.set_state(self.wants)
        self.bin.get_state(PATIENCE_S * Gst.SECOND)
        while message := self.bus.pop():
            self.handle(message)
        self.settled, self.buffered = False, True
        flags = Gst.SeekFlags.FLUSH | Gst.SeekFlags.ACCURATE
        if not self.bin.seek_simple(Gst.Format.TIME, flags, round(to * Gst.SECOND)):
            tell("error", error=f"no seek to {to}")
            sys.exit(1)

    def choose(self):
        """The first stream of each kind, and of sound the one of the language."""
        chosen = {}
        for stream in self.streams:
            kind, tags = stream.get_stream_type(), stream.get_tags()
            known, code = tags.get_string("language-code") if tags else (False, None)
            if kind not in chosen or (kind == Gst.StreamType.AUDIO and known and code == language):
                chosen[kind] = stream
        self.bin.send_event(Gst.Event.new_select_streams([stream.get_stream_id() for stream in chosen.values()]))


player = Player()
try:
    player.settled = False
    player.bin.set_state(Gst.State.PAUSED)
    player.play("start")
    if language != "-":
        player.choose()
    for to in seeks:
        player.seek(to)
        player.play(to)
    player.until("the end", lambda: player.ended)
    tell("end", at=player.position(), picture=player.shown(), demuxer=demuxer in player.used)
finally:
    player.bin.set_state(Gst.State.NULL)
