# End-to-end tests: the program against real servers, one file a topic. tests/servers/ fetches the
# servers; each test starts private ones of its own and ends them.
if(NOT TARGET holdfast)
  return()
endif()

set(server_script ${CMAKE_CURRENT_SOURCE_DIR}/servers/postgres)
foreach(version 13 14 15 16 17 18)
  add_test(NAME server-${version} COMMAND ${server_script} fetch ${version})
  set_tests_properties(server-${version} PROPERTIES LABELS e2e FIXTURES_SETUP servers
    SKIP_RETURN_CODE ${skip} TIMEOUT 600 RESOURCE_LOCK fetch)
endforeach()

file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/e2e/test_*.py)
list(FILTER sources EXCLUDE REGEX "/test_(requests|s3_objects|s3_proxy).py$") # below
foreach(source ${sources})
  get_filename_component(name ${source} NAME_WE)
  string(REPLACE "test_" "e2e-" name ${name})
  add_test(NAME ${name} COMMAND /usr/bin/python3 ${source})
  set_tests_properties(${name} PROPERTIES LABELS e2e FIXTURES_REQUIRED servers TIMEOUT 900
    SKIP_RETURN_CODE ${skip}
    ENVIRONMENT "HOLDFAST_BUILD=${CMAKE_BINARY_DIR};PYTHONDONTWRITEBYTECODE=1")
endforeach()
foreach(name redis7 redis8 valkey8 valkey9)
  add_test(NAME server-${name} COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/servers/redis fetch ${name})
  set_tests_properties(server-${name} PROPERTIES LABELS e2e FIXTURES_SETUP redis_servers
    SKIP_RETURN_CODE ${skip} TIMEOUT 600 RESOURCE_LOCK fetch)
endforeach()
file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/e2e/test_redis*.py)
foreach(source ${sources})
  get_filename_component(name ${source} NAME_WE)
  string(REPLACE "test_" "e2e-" name ${name})
  set_tests_properties(${name} PROPERTIES FIXTURES_REQUIRED redis_servers)
endforeach()
set_tests_properties(e2e-docker_drill PROPERTIES FIXTURES_REQUIRED "servers;redis_servers")
set_tests_properties(e2e-failpoints PROPERTIES FIXTURES_REQUIRED "servers;release")
# A day of the agent's time is as long as the optimised program takes for it: the longest test, so that
# it does not begin when the others are through.
set_tests_properties(e2e-agent_day PROPERTIES FIXTURES_REQUIRED "servers;redis_servers;release" COST 100)

# The conformance tests of stores, on the S3 servers.
add_executable(store_conforms ${CMAKE_CURRENT_SOURCE_DIR}/e2e/store_conforms.c)
target_link_libraries(store_conforms PRIVATE hf_test_support)
function(hf_store_conforms name server)
  add_test(NAME store-${name} COMMAND store_conforms ${CMAKE_BINARY_DIR}/servers/${server}/settings
    ${ARGN})
  set_tests_properties(store-${name} PROPERTIES LABELS e2e FIXTURES_REQUIRED ${server} TIMEOUT 300
    SKIP_RETURN_CODE ${skip})
endfunction()
hf_store_conforms(swift swift weak=1)
hf_store_conforms(ceph ceph)
hf_store_conforms(ceph-tls ceph use=tls unsigned=1)
hf_store_conforms(ceph-host ceph use=host style=virtual)
hf_store_conforms(ceph-locked ceph use=locked lock=governance lock_days=1 weak=1)

# What is about the server: requests are counted before it, a proxy stands before it, and what it
# makes of objects.
function(hf_on_server name server)
  add_test(NAME e2e-${name}-${server} COMMAND /usr/bin/python3
    ${CMAKE_CURRENT_SOURCE_DIR}/e2e/test_${name}.py)
  set_tests_properties(e2e-${name}-${server} PROPERTIES LABELS e2e TIMEOUT 900
    FIXTURES_REQUIRED "servers;${server}" SKIP_RETURN_CODE ${skip}
    ENVIRONMENT "HOLDFAST_BUILD=${CMAKE_BINARY_DIR};PYTHONDONTWRITEBYTECODE=1;HOLDFAST_TEST_S3=${CMAKE_BINARY_DIR}/servers/${server}/settings")
endfunction()
hf_on_server(requests ceph)
hf_on_server(requests swift)
hf_on_server(s3_objects ceph)
hf_on_server(s3_proxy ceph)

# The main job once more, with its repositories in a bucket.
foreach(name check consistency export faults_server keys kill restore roundtrip s3_faults selection server)
  add_test(NAME s3-${name} COMMAND /usr/bin/python3 ${CMAKE_CURRENT_SOURCE_DIR}/e2e/test_${name}.py)
  set_tests_properties(s3-${name} PROPERTIES LABELS e2e FIXTURES_REQUIRED "servers;ceph" TIMEOUT 900
    SKIP_RETURN_CODE ${skip} ENVIRONMENT
    "HOLDFAST_BUILD=${CMAKE_BINARY_DIR};PYTHONDONTWRITEBYTECODE=1;HOLDFAST_TEST_STORE=s3:${CMAKE_BINARY_DIR}/servers/ceph/settings")
endforeach()
