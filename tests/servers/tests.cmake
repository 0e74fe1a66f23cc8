# The S3 servers of a test run: one of each, for whatever requires its fixture, with state below the
# build folder. They end with the run, also with one that is killed.
function(hf_server name)
  set(script ${CMAKE_CURRENT_SOURCE_DIR}/servers/${name})
  set(folder ${CMAKE_BINARY_DIR}/servers/${name})
  add_test(NAME start-${name} COMMAND ${script} start ${folder} parent)
  add_test(NAME stop-${name} COMMAND ${script} stop ${folder})
  set_tests_properties(start-${name} PROPERTIES FIXTURES_SETUP ${name} TIMEOUT 300)
  set_tests_properties(stop-${name} PROPERTIES FIXTURES_CLEANUP ${name} TIMEOUT 120)
  set_tests_properties(start-${name} stop-${name} PROPERTIES LABELS server SKIP_RETURN_CODE ${skip})
endfunction()

hf_server(swift)
hf_server(ceph)
