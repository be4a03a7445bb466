//! A GStreamer plugin for tests: stand-ins for hardware codecs, under their real names, with their real properties, caps
//! and memories, over software. `memory:CUDAMemory` and its like are labels in the caps: what would not link on
//! hardware does not link here, and the frames lie in the system's memory all the time.
//!
//! cargo builds it with the tests as `examples/libstand_ins.so`, in `debug` of its target folder. It is four plugins in
//! one file. Under the file name of GStreamer's own it takes the place of that, whatever hardware a box has:
//!
//! | in a folder of `GST_PLUGIN_PATH` as | is |
//! |---|---|
//! | `libgstnvcodec.so` | NVIDIA |
//! | `libgstva.so` | VA-API |
//! | `libgstqsv.so` | Quick Sync |
//! | `libgstvideo4linux2.so` | V4L2 |
//!
//! They go into one folder, as links to one file. Beside them lies what they are told:
//!
//! - `orders.toml`, see [`orders::Orders`]. Faults are looked up at every frame: whoever writes the file anew, by renaming
//!   another one, has them at once. The rest counts for processes that load the plugin later, and an element that was
//!   missing when GStreamer's registry was made comes back with a new registry only, as that of hardware does.
//! - `sessions`, a folder: there are as many sessions at once, of all processes together, as files in it; without it,
//!   any number.
//!
//! `tests/support/stand_ins.rs` sets all of that up. A worker of the service may read the folder and nothing else.

/// The module's table as a plugin of this name.
macro_rules! plugin {
    ($name:ident, $description:expr) => {
        gstreamer::plugin_define!(
            $name,
            $description,
            init,
            "0.1",
            "MIT/X11",
            "millrace-tests",
            "millrace-tests",
            "millrace-tests"
        );

        fn init(plugin: &gstreamer::Plugin) -> Result<(), gstreamer::glib::BoolError> {
            crate::registry::register(plugin, elements)
        }
    };
}

mod element;
mod nvidia;
mod orders;
mod properties;
mod quicksync;
mod registry;
mod relabel;
mod sessions;
mod software;
mod stand_in;
mod v4l2;
mod va;
