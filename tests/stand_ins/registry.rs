//! Registers the tables' elements with GStreamer, as they are ordered to be.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Mutex, OnceLock};

use gstreamer as gst;
use gstreamer::glib;
use gstreamer::glib::translate::{IntoGlib, ToGlibPtr, from_glib};
use gstreamer::prelude::*;

use crate::element::Element;
use crate::orders::{Api, ORDERS, Orders};
use crate::stand_in::StandIn;

/// Where the plugin lies.
static FOLDER: OnceLock<PathBuf> = OnceLock::new();
static ELEMENTS: Mutex<Option<HashMap<glib::Type, &'static Element>>> = Mutex::new(None);

/// No file, no orders.
pub fn orders() -> Orders {
    let text = std::fs::read_to_string(folder().join(ORDERS)).unwrap_or_default();
    toml::from_str(&text).expect("orders that can be read")
}

pub fn folder() -> &'static PathBuf {
    FOLDER.get().expect("a plugin that was loaded")
}

/// Registers a family's table without what is missing.
pub fn register(plugin: &gst::Plugin, table: fn(Api) -> Vec<Element>) -> Result<(), glib::BoolError> {
    let file = plugin.filename().expect("a plugin in a file");
    FOLDER.get_or_init(|| file.parent().expect("a folder").to_owned());
    let orders = orders();
    for mut element in table(orders.api) {
        let missing = |name: &str| orders.missing.iter().any(|missing| missing == name);
        if missing(element.name) {
            continue;
        }
        element.properties.retain(|property| !missing(&format!("{}.{}", element.name, property.name())));
        let name = element.name;
        gst::Element::register(Some(plugin), name, gst::Rank::NONE, class_of(Box::leak(Box::new(element))))?;
    }
    Ok(())
}

/// A class of its own for each element, since pads and properties belong to classes.
fn class_of(element: &'static Element) -> glib::Type {
    let parent = StandIn::static_type();
    let name = std::ffi::CString::new(format!("StandIn-{}", element.name)).expect("no zero");
    // SAFETY: the class and its instances are as large as the parent's, which has the same layout; `init_class` is given
    // the element, which stays for ever.
    let class: glib::Type = unsafe {
        let mut sizes = std::mem::zeroed();
        glib::gobject_ffi::g_type_query(parent.into_glib(), &mut sizes);
        let info = glib::gobject_ffi::GTypeInfo {
            class_size: sizes.class_size as u16,
            base_init: None,
            base_finalize: None,
            class_init: Some(init_class),
            class_finalize: None,
            class_data: std::ptr::from_ref(element).cast(),
            instance_size: sizes.instance_size as u16,
            n_preallocs: 0,
            instance_init: None,
            value_table: std::ptr::null(),
        };
        from_glib(glib::gobject_ffi::g_type_register_static(parent.into_glib(), name.as_ptr(), &info, 0))
    };
    ELEMENTS.lock().expect("no panic").get_or_insert_default().insert(class, element);
    class
}

/// The element whose class this is.
pub fn element_of(class: glib::Type) -> &'static Element {
    ELEMENTS.lock().expect("no panic").as_ref().expect("some are registered")[&class]
}

unsafe extern "C" fn init_class(class: glib::ffi::gpointer, data: glib::ffi::gpointer) {
    // SAFETY: `data` is what `class_of` gave, and `class` is one of an element.
    unsafe {
        let element = &*data.cast_const().cast::<Element>();
        let words = element.work.words();
        gst::ffi::gst_element_class_set_metadata(
            class.cast(),
            element.name.to_glib_none().0,
            words.to_glib_none().0,
            "Stands in for hardware in tests".to_glib_none().0,
            "millrace".to_glib_none().0,
        );
        for template in element.templates() {
            gst::ffi::gst_element_class_add_pad_template(class.cast(), template.to_glib_none().0);
        }
        // GObject does not inherit these two.
        let parent =
            glib::gobject_ffi::g_type_class_peek_parent(class).cast::<glib::gobject_ffi::GObjectClass>();
        let object = class.cast::<glib::gobject_ffi::GObjectClass>();
        (*object).set_property = (*parent).set_property;
        (*object).get_property = (*parent).get_property;
        for (property, number) in element.properties.iter().zip(1..) {
            let property = property.to_glib_none().0;
            glib::gobject_ffi::g_object_class_install_property(object, number, property);
        }
    }
}
