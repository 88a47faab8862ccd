{
  "targets": [
    {
      "target_name": "ipvs_fullnat",
      "conditions": [
        ["OS=='linux'", {
          "sources": [
            "native/abi/request_checks.cc",
            "native/addon/addon.cc",
            "native/addon/connection.cc",
            "native/addon/environment.cc",
            "native/addon/file_work.cc",
            "native/engine/job_queue.cc",
            "native/engine/job_runner.cc",
            "native/engine/netlink_session.cc",
            "native/engine/sockopt_session.cc",
            "native/engine/window.cc",
            "native/ipvs/netlink_decode.cc",
            "native/ipvs/netlink_encode.cc",
            "native/ipvs/sockopt_codec.cc",
            "native/netlink/family.cc",
            "native/sys/clock.cc",
            "native/sys/cxx_runtime.cc",
            "native/sys/file_io.cc",
            "native/sys/inet_socket.cc",
            "native/sys/namespace.cc",
            "native/sys/netlink_socket.cc",
            "native/sys/open_files.cc",
            "native/sys/thread.cc"
          ],
          "include_dirs": ["native", "<!(node -p \"require('node-addon-api').include_dir\")"],
          "defines": ["NAPI_VERSION=7", "NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS", "NAPI_DISABLE_CPP_EXCEPTIONS",
            "_GLIBCXX_EXTERN_TEMPLATE=0", "IPVS_VERSION=\"<!(node -p \"require('./package.json').version\")\""],
          "cflags": ["-include", "sys/glibc_floor.h", "-Wall", "-Wextra",
            "-Wno-unused-parameter", "-Wno-cast-function-type",
            "-fstack-protector-strong", "-fstack-clash-protection", "-U_FORTIFY_SOURCE", "-D_FORTIFY_SOURCE=3"],
          "cflags_cc!": ["-std=gnu++14", "-std=gnu++17", "-std=gnu++20", "-std=gnu++1y", "-std=c++17"],
          "cflags_cc": ["-std=c++20", "-fno-exceptions", "-fno-rtti", "-fvisibility=hidden",
            "-fno-sized-deallocation"],
          "ldflags": ["-Wl,-z,relro,-z,now,-z,nodelete", "-Wl,--as-needed",
            "-Wl,--version-script=../native/addon/exports.map"],
          "conditions": [["target_arch=='x64'", {"cflags": ["-fcf-protection"]}]]
        }, {
          "type": "none"
        }]
      ]
    }
  ]
}
