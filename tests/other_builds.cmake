# Tests of other builds: ThreadSanitizer, libFuzzer, the optimised program and its installation.
find_program(HF_CLANG clang REQUIRED)

# Configures and builds in a folder below this build's; the named fixture.
function(hf_other_build name)
  cmake_parse_arguments(ARG "" "TIMEOUT" "OPTIONS;TARGETS" ${ARGN})
  set(folder ${CMAKE_BINARY_DIR}/${name})
  set(command ${CMAKE_COMMAND} -S ${CMAKE_SOURCE_DIR} -B ${folder} -G Ninja ${ARG_OPTIONS})
  add_test(NAME configure-${name} COMMAND ${command})
  add_test(NAME build-${name} COMMAND ${CMAKE_COMMAND} --build ${folder} --parallel 2
    --target ${ARG_TARGETS})
  set_tests_properties(configure-${name} PROPERTIES FIXTURES_SETUP configured-${name})
  set_tests_properties(build-${name} PROPERTIES FIXTURES_SETUP ${name}
    FIXTURES_REQUIRED configured-${name} PROCESSORS 2 TIMEOUT ${ARG_TIMEOUT})
  set_property(TEST configure-${name} build-${name} PROPERTY LABELS build)
endfunction()

# The unit tests of whatever starts threads. ThreadSanitizer of gcc 12 cannot run with as much address
# randomisation as some kernels do, so that is switched off where it can be.
set(threaded)
file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/unit/test_*.c)
foreach(source ${sources})
  file(READ ${source} text)
  if(text MATCHES "base/(pool|queue|cancel|process)\\.h|repository/(backup|snapshot|check|copy|prune)\\.h")
    get_filename_component(name ${source} NAME_WE)
    list(APPEND threaded ${name})
  endif()
endforeach()
execute_process(COMMAND setarch -R true RESULT_VARIABLE no_setarch OUTPUT_QUIET ERROR_QUIET)
set(steady setarch -R)
if(no_setarch)
  set(steady)
endif()
if(threaded)
  hf_other_build(tsan TIMEOUT 300 TARGETS ${threaded}
    OPTIONS -DHF_TESTS=ON -DHF_SANITIZE=thread)
endif()
foreach(name ${threaded})
  add_test(NAME tsan-${name} COMMAND ${steady} ${CMAKE_BINARY_DIR}/tsan/tests/${name})
  set_tests_properties(tsan-${name} PROPERTIES LABELS tsan FIXTURES_REQUIRED tsan TIMEOUT 300
    SKIP_RETURN_CODE ${skip} ENVIRONMENT "TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1")
endforeach()

# Each fuzz target for a few seconds, from its seeds; what it finds is kept and printed.
set(HF_FUZZ_SECONDS 3 CACHE STRING "How long each fuzz target runs")
file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/fuzz/fuzz_*.c)
if(sources)
  hf_other_build(fuzzers TIMEOUT 300 TARGETS fuzzers
    OPTIONS -DCMAKE_C_COMPILER=${HF_CLANG} -DHF_FUZZ=ON
    -DHF_SANITIZE=fuzzer-no-link,address,undefined)
endif()
foreach(source ${sources})
  get_filename_component(name ${source} NAME_WE)
  add_test(NAME ${name} COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/fuzz/run
    ${CMAKE_BINARY_DIR}/fuzzers/tests/fuzz/${name} ${HF_FUZZ_SECONDS})
  set_tests_properties(${name} PROPERTIES LABELS fuzz FIXTURES_REQUIRED fuzzers TIMEOUT 120)
endforeach()

if(TARGET holdfast)
  hf_other_build(release TIMEOUT 300 TARGETS all)
  add_test(NAME install COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/quality/install
    ${CMAKE_BINARY_DIR}/release)
  set_tests_properties(install PROPERTIES LABELS quality FIXTURES_REQUIRED release)
endif()
